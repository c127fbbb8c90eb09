# frozen_string_literal: true

require 'net/http'

module Kubelambda
  # One event: its bytes and what the headers say about it.
  class Invocation
    attr_reader :body

    def initialize(response)
      @response = response
      @body = response.body.force_encoding(Encoding::UTF_8)
    end

    # The header Lambda-Runtime-<name>, or nil.
    def header(name)
      value = @response["Lambda-Runtime-#{name}"]
      value&.dup&.force_encoding(Encoding::UTF_8)
    end
  end

  # Calls of the Runtime API, on one connection.
  class Api
    class RefusedError < StandardError; end

    VERSION = '/2018-06-01/runtime'
    CONNECTION_IDLE_S = 86_400

    def initialize(address)
      host, port = address.split(':')
      @http = Net::HTTP.new(host, port.to_i, nil)
      @http.read_timeout = nil # the next event may be a day away
      @http.write_timeout = nil
      @http.keep_alive_timeout = CONNECTION_IDLE_S
      @http.start
    end

    # The next event; waits for it without limit.
    def next_invocation
      response = @http.get("#{VERSION}/invocation/next")
      raise RefusedError, "next: #{response.code} #{response.body}" unless response.code == '200'

      Invocation.new(response)
    end

    def post_response(id, body, content_type)
      post("/invocation/#{id}/response", body, 'Content-Type' => content_type)
    end

    def post_error(id, error)
      post("/invocation/#{id}/error", error.to_json, error_headers(error))
    end

    def post_init_error(error)
      post('/init/error', error.to_json, error_headers(error))
    end

    private

    def error_headers(error)
      { 'Content-Type' => 'application/json', 'Lambda-Runtime-Function-Error-Type' => error[:errorType] }
    end

    # A refusal (such as 413) has its effect at the other end; the loop goes on.
    def post(path, body, headers)
      @http.post(VERSION + path, body, headers)
    end
  end
end
