# Jobs of Sidekiq that do nothing, for its worker; `ruby framework_jobs.rb` sends them. The environment tells the server (JOBS_URL), how many jobs
# there are (JOBS), and into which file the worker writes the seconds from the first to the last of them (JOBS_RESULT).
require "sidekiq"

Redis.silence_deprecations = true
redis = { url: ENV.fetch("JOBS_URL") }
Sidekiq.configure_client { |config| config.redis = redis }
Sidekiq.configure_server do |config|
  config.redis = redis
  config.logger.level = Logger::ERROR
end

class Nothing
  include Sidekiq::Worker
  LOCK = Mutex.new
  @done = 0

  class << self
    def note_one
      LOCK.synchronize do
        now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        @done += 1
        @begun = now if @done == 1
        finish(now - @begun) if @done == ENV.fetch("JOBS").to_i
      end
    end

    def finish(seconds)
      result = ENV.fetch("JOBS_RESULT")
      File.write("#{result}.part", seconds.to_s)
      File.rename("#{result}.part", result)
    end
  end

  def perform
    Nothing.note_one
  end
end

ENV.fetch("JOBS").to_i.times { Nothing.perform_async } if $PROGRAM_NAME == __FILE__
