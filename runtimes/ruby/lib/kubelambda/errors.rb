# frozen_string_literal: true

require 'json'

module Kubelambda
  # Errors as AWS's client posts and prints them (spec 1.4).
  module Errors
    OWN_FILES = File.expand_path('../..', __dir__)

    class HandlerNotFound < StandardError; end
    class MalformedHandlerName < StandardError; end
    class ImportModuleError < StandardError; end
    class UserCodeSyntaxError < StandardError; end

    module_function

    # The body of an error, its keys in the client's order; `phase` is Function or Init.
    def describe(exception, phase)
      {
        errorMessage: readable(exception.message),
        errorType: name(exception, phase),
        stackTrace: (exception.backtrace || []).reject { |line| line.start_with?(OWN_FILES) }.map { |line| readable(line) }
      }
    end

    def log(title, error)
      puts title
      puts error.to_json
    end

    def name(exception, phase)
      own = exception.class.name.to_s[/\AKubelambda::Errors::(\w+)\z/, 1]
      own ? "Runtime.#{own}" : "#{phase}<#{exception.class}>"
    end

    # JSON takes UTF-8 alone; a message may be anything.
    def readable(text)
      text.dup.force_encoding(Encoding::UTF_8).scrub
    end
  end
end
