class Refused < StandardError; end

class Answers
  class << self
    attr_accessor :count

    def echo(event, _context) = event['value']

    def environment(event, _context) = event['names'].to_h { |name| [name, ENV.fetch(name, nil)] }

    def context(_event, context)
      remaining = context.get_remaining_time_in_millis
      sleep 0.02
      {
        name: context.function_name, version: context.function_version, memory: context.memory_limit_in_mb,
        request: context.aws_request_id, arn: context.invoked_function_arn, group: context.log_group_name,
        stream: context.log_stream_name, remaining: remaining, later: context.get_remaining_time_in_millis
      }
    end

    def client(_event, context) = context.client_context && context.client_context['custom']

    def raise(_event, _context) = Kernel.raise(Refused, 'no')

    def exit(_event, _context) = Kernel.exit!(3)

    def sleep_for(event, _context) = Kernel.sleep(event['seconds'])

    def text(event, _context) = 'z' * event['length']

    def measure(event, _context) = event['text'].length

    def log(_event, _context)
      puts 'line one'
      puts 'line two'
    end

    def show(event, _context) = puts(event['text'])
  end
end

Answers.count = 0

def handler(event:, context:)
  Answers.count += 1
  return Answers.count if event['ask'] == 'count'

  ask = { 'sleep' => :sleep_for, 'print' => :show }.fetch(event['ask'], event['ask'].to_sym)
  Answers.public_send(ask, event, context)
end
