# frozen_string_literal: true

require 'json'

module Kubelambda
  # The context that a handler is given, with the names of AWS's client.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :deadline_ms, :identity, :client_context, :tenant_id

    def initialize(invocation)
      @aws_request_id = invocation.header('Aws-Request-Id')
      @invoked_function_arn = invocation.header('Invoked-Function-Arn')
      @deadline_ms = invocation.header('Deadline-Ms').to_i
      @tenant_id = invocation.header('Aws-Tenant-Id')
      @client_context = parse(invocation.header('Client-Context'))
      @identity = parse(invocation.header('Cognito-Identity'))
    end

    def function_name = ENV.fetch('AWS_LAMBDA_FUNCTION_NAME')
    def function_version = ENV.fetch('AWS_LAMBDA_FUNCTION_VERSION')
    def memory_limit_in_mb = ENV.fetch('AWS_LAMBDA_FUNCTION_MEMORY_SIZE')
    def log_group_name = ENV.fetch('AWS_LAMBDA_LOG_GROUP_NAME')
    def log_stream_name = ENV.fetch('AWS_LAMBDA_LOG_STREAM_NAME')

    def get_remaining_time_in_millis
      [deadline_ms - (Time.now.to_f * 1000).to_i, 0].max
    end

    def log(message)
      puts message
    end

    private

    def parse(text)
      text && JSON.parse(text)
    end
  end
end
