# Sends jobs: `ruby produce.rb now|later`. Unlike a worker it knows the jobs only as a client.
require_relative "jobs"

case ARGV.fetch(0)
when "now"
  60.times { |number| Note.perform_async("note-#{number}") }
  Sidekiq::Client.push_bulk("class" => Note, "args" => 40.times.map { |number| ["bulk-#{number}"] })
  3.times { |number| Note.set(queue: "critical").perform_async("critical-#{number}") }
when "later"
  3.times { |number| Note.perform_in(1, "later-#{number}") }
  3.times { |number| Flaky.perform_async("flaky-#{number}", 1) }
end
