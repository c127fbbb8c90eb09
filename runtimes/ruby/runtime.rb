# frozen_string_literal: true

# The runtime client of Ruby functions, on the standard library alone: the loop over the Runtime API
# (spec 1.2 to 1.5). Contract: handlers, context and errors are those of AWS's client for Ruby.

# The client and all that it needs are loaded before files of the package and of layers can take their places.
of_function = [ENV.fetch('LAMBDA_TASK_ROOT'), File.join(ENV.delete('_KUBELAMBDA_OPT_ROOT') || '/opt', 'ruby/lib')]
own = File.join(__dir__, 'lib')
$LOAD_PATH.replace([own] + ($LOAD_PATH - of_function - [own]))
$stdout.sync = $stderr.sync = true

require 'kubelambda/api'
require 'kubelambda/context'
require 'kubelambda/errors'
require 'kubelambda/handler'
require 'kubelambda/log'

# The order of RUBYLIB: the package, the client, layers.
$LOAD_PATH.unshift(of_function.first)
$LOAD_PATH.insert(2, of_function.last)

module Kubelambda
  # Starts the function and answers its events until the process is ended.
  class Runtime
    def initialize
      @api = Api.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API'))
    end

    def run
      handler = load_handler
      loop { answer(handler, @api.next_invocation) }
    end

    private

    def load_handler
      Handler.load(ENV.fetch('LAMBDA_TASK_ROOT'), ENV.fetch('_HANDLER'))
    rescue Exception => e # a SyntaxError or LoadError is no StandardError
      error = Errors.describe(e, 'Init')
      Errors.log('Init error when loading handler', error)
      @api.post_init_error(error)
      exit!(252)
    end

    def answer(handler, invocation)
      context = Context.new(invocation)
      Log.request_id = context.aws_request_id
      ENV['_X_AMZN_TRACE_ID'] = invocation.header('Trace-Id')
      body, content_type = handler.call(invocation.body, context)
      @api.post_response(context.aws_request_id, body, content_type)
    rescue Exception => e # exit and out of memory too
      # As with AWS's client: a missing name, or what is no StandardError, ends the process.
      is_fatal = e.is_a?(NameError) || !e.is_a?(StandardError)
      error = Errors.describe(e, 'Function')
      Errors.log(is_fatal ? 'Critical exception from handler' : 'Error raised from handler method', error)
      @api.post_error(context.aws_request_id, error)
      exit!(255) if is_fatal
    end
  end
end

Kubelambda::Runtime.new.run if $PROGRAM_NAME == __FILE__
