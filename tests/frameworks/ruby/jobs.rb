# Jobs of Sidekiq; each execution is one line of the ledger.
require "sidekiq"

# The packaged client warns of how the packaged Sidekiq calls it.
Redis.silence_deprecations = true
url = ENV.fetch("SERVER_URL")
Sidekiq.configure_client { |config| config.redis = { url: url } }
Sidekiq.configure_server do |config|
  config.redis = { url: url }
  # Scheduled and retried jobs are looked for about every second instead of every 15.
  config.options[:poll_interval_average] = 0.5
end

def record(*words)
  File.open(ENV.fetch("LEDGER"), File::WRONLY | File::APPEND | File::CREAT) { |file| file.syswrite(words.join(":") + "\n") }
end

class Note
  include Sidekiq::Worker

  def perform(entry)
    record(entry)
  end
end

class Flaky
  include Sidekiq::Worker
  sidekiq_options retry: 5
  sidekiq_retry_in { 1 }

  def perform(entry, failures)
    # What counts the attempts is the ledger: a job sees only how it was first sent.
    attempt = File.exist?(ENV.fetch("LEDGER")) ? File.readlines(ENV.fetch("LEDGER")).count { |line| line.start_with?("#{entry}:") } : 0
    record(entry, attempt)
    raise "attempt #{attempt}" if attempt < failures
  end
end
