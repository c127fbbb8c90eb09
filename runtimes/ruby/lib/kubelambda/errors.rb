# frozen_string_literal: true

require 'json'

require 'kubelambda/log'

module Kubelambda
  # Errors as AWS's client posts and prints them (spec 1.4).
  module Errors
    OWN_FILES = File.expand_path('../..', __dir__)
    STACK_LINES_MAX = 100
    ANY_ENCODING = [Encoding::UTF_8, Encoding::US_ASCII, Encoding::BINARY].freeze

    module_function

    # The body of an error, its keys in the client's order; `phase` is Function or Init.
    def describe(exception, phase)
      own_code = (exception.backtrace || []).take_while { |line| !line.start_with?(OWN_FILES) }
      {
        errorMessage: message_of(exception),
        errorType: "#{phase}<#{exception.class}>",
        stackTrace: own_code.first(STACK_LINES_MAX).map { |line| readable(line) }
      }
    end

    # With a JSON log as a record of level ERROR, which no level below FATAL leaves out.
    def log(title, error)
      return $stdout.write(Log.to_record('ERROR', Time.now, message: title, **error)) if Log.json?

      puts title
      puts error.to_json
    end

    # Of any class, since the exception's may be its own; it may even raise.
    def message_of(exception)
      message = exception.message
      message.is_a?(String) ? readable(message) : message
    rescue StandardError => e
      "#{exception.class}, whose message raised #{e.class}"
    end

    # JSON takes UTF-8 alone; a message may be anything.
    def readable(text)
      return text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace) unless ANY_ENCODING.include?(text.encoding)

      text.dup.force_encoding(Encoding::UTF_8).scrub
    end
  end
end
