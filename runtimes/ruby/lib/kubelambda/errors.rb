# frozen_string_literal: true

require 'json'

module Kubelambda
  # Errors as AWS's client posts and prints them (spec 1.4).
  module Errors
    OWN_FILES = File.expand_path('../..', __dir__)
    STACK_LINES_MAX = 100

    module_function

    # The body of an error, its keys in the client's order; `phase` is Function or Init.
    def describe(exception, phase)
      own_code = (exception.backtrace || []).take_while { |line| !line.start_with?(OWN_FILES) }
      {
        errorMessage: readable(exception.message),
        errorType: "#{phase}<#{exception.class}>",
        stackTrace: own_code.first(STACK_LINES_MAX).map { |line| readable(line) }
      }
    end

    def log(title, error)
      puts title
      puts error.to_json
    end

    # JSON takes UTF-8 alone; a message may be anything.
    def readable(text)
      text.dup.force_encoding(Encoding::UTF_8).scrub
    end
  end
end
