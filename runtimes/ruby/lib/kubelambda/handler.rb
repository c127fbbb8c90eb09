# frozen_string_literal: true

require 'json'
require 'kubelambda/errors'

module Kubelambda
  # The function's handler: <file>.<method> or <file>.<Class>.<method>.
  class Handler
    OCTETS = 'application/octet-stream'

    # Loads the file, which is the function's init; raises what that raises, or an error with a name.
    def self.load(root, name)
      file, *names, method = name.split('.')
      raise Errors::MalformedHandlerName, "Bad handler '#{name}'" if method.nil? || names.size > 1

      require_file(root, file)
      receiver = names.empty? ? Object.new : Object.const_get(names.first)
      raise Errors::HandlerNotFound, "Handler '#{method}' missing on '#{file}'" unless receiver.respond_to?(method, true)

      new(receiver, method)
    rescue NameError => e
      raise e unless names&.first && e.name.to_s == names.first.split('::').last

      raise Errors::HandlerNotFound, "Handler '#{name}': #{e.message}"
    end

    def self.require_file(root, file)
      require File.join(root, file)
    rescue SyntaxError => e
      raise Errors::UserCodeSyntaxError, "Syntax error in module '#{file}': #{e.message}"
    rescue LoadError => e
      raise Errors::ImportModuleError, "Unable to import module '#{file}': #{e.message}"
    end
    private_class_method :require_file

    def initialize(receiver, method)
      @receiver = receiver
      @method = method
    end

    # Body and content type of the answer to the event in `text`.
    def call(text, context)
      event = text.empty? ? nil : JSON.parse(text)
      result = @receiver.send(@method, event: event, context: context)
      result.respond_to?(:read) ? [result.read, OCTETS] : [result.to_json, 'application/json']
    end
  end
end
