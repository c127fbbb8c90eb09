# frozen_string_literal: true

require 'json'
require 'logger'

module Kubelambda
  # Records of Ruby's Logger as AWS's client writes them (spec 1.9): with the request's id, or as JSON from the level
  # of the function upwards. A formatter or a level that the function names itself counts.
  module Log
    LEVELS = { 'TRACE' => 'DEBUG' }.freeze
    TEXT = "%<initial>s, [%<time>s #%<pid>d] %<level>5s %<request_id>s -- %<name>s: %<message>s\n"
    UTC_MICROSECONDS = '%Y-%m-%dT%H:%M:%S.%6NZ'

    class << self
      # The event in hand; nil during init.
      attr_accessor :request_id

      def json? = ENV['AWS_LAMBDA_LOG_FORMAT']&.upcase == 'JSON'

      def level
        name = ENV.fetch('AWS_LAMBDA_LOG_LEVEL', 'DEBUG').upcase
        json? ? LEVELS.fetch(name, name) : 'DEBUG'
      end

      # One record for the log, of the keys that have values.
      def to_record(level, time, **keys)
        timestamp = time.getutc.strftime(UTC_MICROSECONDS)
        "#{{ timestamp: timestamp, level: level, **keys, requestId: request_id }.compact.to_json}\n"
      end
    end

    # The records of a Text log.
    class TextFormatter < ::Logger::Formatter
      def call(level, time, name, message)
        format(TEXT, initial: level[0], time: format_datetime(time), pid: Process.pid, level: level,
                     request_id: Log.request_id, name: name, message: Errors.readable(msg2str(message)))
      end
    end

    # The records of a JSON log.
    class JsonFormatter < ::Logger::Formatter
      def call(level, time, name, message)
        said = message.is_a?(Exception) ? describe(message) : { message: Errors.readable(msg2str(message)) }
        Log.to_record(level, time, **said, logger: name)
      end

      private

      def describe(error)
        { message: Errors.message_of(error), errorType: error.class.to_s, errorMessage: Errors.message_of(error),
          stackTrace: error.backtrace&.map { |line| Errors.readable(line) } }
      end
    end

    # What is put before Logger's own initialize.
    module Defaults
      def initialize(device, *more, level: nil, formatter: nil, **named)
        is_output = [$stdout, $stderr].include?(device)
        formatter ||= Log.json? ? JsonFormatter.new : TextFormatter.new if is_output
        super(device, *more, level: level || (is_output ? Log.level : 'DEBUG'), formatter: formatter, **named)
      end
    end
  end
end

Logger.prepend(Kubelambda::Log::Defaults)
