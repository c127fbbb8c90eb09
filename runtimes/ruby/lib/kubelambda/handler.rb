# frozen_string_literal: true

require 'json'
require 'stringio'

module Kubelambda
  # The function's handler: <file>.<method> or <file>.<Class>.<method>.
  class Handler
    UNKNOWN = 'application/unknown'

    # `self` of a handler without a class: has no method of its own that a handler's name could mean.
    class Receiver; end

    # Loads the file, which is the function's init; raises what that raises.
    def self.load(root, name)
      parts = name.split('.')
      unless [2, 3].include?(parts.size)
        raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD"
      end

      receiver = Receiver.new # before the function's file, which may define Object's methods
      in_package = File.join(root, parts.first)
      require File.exist?("#{in_package}.rb") ? in_package : parts.first # one of a layer's
      new(receiver, parts.size == 3 ? parts[1] : nil, parts.last)
    end

    def initialize(receiver, class_name, method)
      @receiver = receiver
      @class_name = class_name
      @method = method
    end

    # Body and content type of the answer to the event in `text`.
    def call(text, context)
      receiver = @class_name ? Kernel.const_get(@class_name) : @receiver
      result = receiver.__send__(@method, event: JSON.parse(text), context: context)
      case result
      when StringIO, IO then [result.read, UNKNOWN]
      else [result.to_json, 'application/json']
      end
    end
  end
end
