// The life of a function as aws-lambda-ric 4.0.2 has it: what the handler returns, or its promise gives, is the
// answer; a handler with a third parameter is refused; an error that nobody handles ends the process.
import { answerUnsettled } from '../unsettled.mjs'
import { nextInvocation, postError, postInitError, postResponse, serialize } from './api.mjs'
import { describeContext, setTraceId } from './context.mjs'
import { CallbackHandlerDeprecated, JSONStringifyError, strictly, toOwn } from './errors.mjs'
import { isStreaming, loadHandler } from './handler.mjs'
import { describeStore, invokeStore } from './invoke_store.mjs'
import { logError } from './log.mjs'
import { importModule } from './modules.mjs'
import { openStream, runStreaming } from './stream.mjs'

const REFUSAL =
  'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need ' +
  'to modify this function to use a supported handler signature to use Node.js 24 or later. For more information ' +
  'see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.'

let waitsFor = '' // the init

export const current = { getRequestId: invokeStore.getRequestId, getTenantId: invokeStore.getTenantId }

/** Not to be waited for, as theirs is not. */
export function start() {
  if (globalThis.awslambda) globalThis.awslambda.InvokeStore = invokeStore
  answerUnsettled(() => waitsFor)
  serve()
}

async function serve() {
  const { handler, run } = await load()
  for (;;) {
    const { headers, body } = await nextInvocation()
    const context = { ...describeContext(headers), xRayTraceId: headers['lambda-runtime-trace-id'] }
    setTraceId(headers)
    const event = JSON.parse(body)
    waitsFor = context.awsRequestId
    await invokeStore.run(describeStore(context), () => run(handler, event, context))
    waitsFor = undefined
  }
}

async function load() {
  try {
    const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER, importFirst, find)
    const streams = isStreaming(handler)
    if (handler.length >= 3 && !streams) throw new CallbackHandlerDeprecated(REFUSAL)
    return { handler, run: streams ? runStreamed : runBuffered }
  } catch (thrown) {
    const error = toOwn(thrown)
    logError('Init Error', error, strictly)
    await postInitError(strictly.describe(error))
    throw error
  }
}

/** The module with its default export behind its own names. */
async function importFirst(...where) {
  const loaded = await importModule(...where)
  return { loaded, fallback: loaded?.default }
}

function find({ loaded, fallback }, path) {
  const walk = (from) =>
    path.reduce((found, member) => (found && typeof found === 'object' ? found[member] : undefined), from)
  return walk(loaded) || walk(fallback)
}

/** What a handler that uses it has as `this`. */
class BufferedInvokeProcessor {}
class StreamingInvokeProcessor {}

async function runBuffered(handler, event, context) {
  const processor = Object.assign(new BufferedInvokeProcessor(), { handler })
  try {
    const text = serialize(await processor.handler(event, context), JSONStringifyError)
    await postResponse(context.awsRequestId, text)
  } catch (thrown) {
    const error = toOwn(thrown)
    logError('Invoke Error', error, strictly)
    await postError(context.awsRequestId, strictly.describe(error))
  }
}

async function runStreamed(handler, event, context) {
  const response = openStream(context.awsRequestId, strictly.describe)
  try {
    await runStreaming(Object.assign(new StreamingInvokeProcessor(), { handler }), event, response, context, (message) => new Error(message))
  } catch (error) {
    logError('Invoke Error', error, strictly)
    response.fail(error)
  }
}
