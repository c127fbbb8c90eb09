// The Node bootstrap of local mode, on Node's own modules: it needs nothing but the machine's node.
//
// Contract: behaves as AWS's client 3.3.0 does, which the image runs and which needs a native build (spec 1.2
// to 1.5). Handlers: CommonJS and ES modules; callback, promise, context.done/succeed/fail, streaming.
import { completion } from './completion.mjs'
import { nextInvocation, postError, postInitError, postResponse, serialize } from './api.mjs'
import { describeContext } from './context.mjs'
import { UnhandledPromiseRejection } from './errors.mjs'
import { loadHandler, isStreaming, installGlobals } from './handler.mjs'
import { logError, patchConsole, setRequestId } from './log.mjs'
import { runStreaming } from './stream.mjs'

let failed = async (error, code) => {
  await postInitError(error)
  process.exit(code)
}

patchConsole()
process.on('uncaughtException', (error) => {
  logError('Uncaught Exception', error)
  failed(error, 129)
})
process.on('unhandledRejection', (reason) => {
  const error = new UnhandledPromiseRejection(reason)
  logError('Unhandled Promise Rejection', error)
  failed(error, 128)
})

installGlobals()
const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER)
const run = isStreaming(handler) ? runStreaming : runBuffered
setImmediate(runNext)

async function runNext() {
  const { headers, body } = await nextInvocation()
  const id = headers['lambda-runtime-aws-request-id']
  setRequestId(id)
  setTraceId(headers['lambda-runtime-trace-id'])
  failed = async (error, code) => {
    await postError(id, error)
    process.exit(code)
  }
  run(handler, { id, body, context: describeContext(headers) }, () => setImmediate(runNext))
}

function runBuffered(handler, { id, body, context }, goOn) {
  const fail = async (error) => {
    logError('Invoke Error', error)
    await postError(id, error)
    goOn()
  }
  const succeed = async (result) => {
    let text
    try {
      text = serialize(result)
    } catch (error) {
      return fail(error)
    }
    await postResponse(id, text)
    goOn()
  }
  const { callback, members } = completion({ succeed, fail })
  Object.defineProperties(context, Object.getOwnPropertyDescriptors(members))
  try {
    const result = handler(JSON.parse(body), context, callback)
    if (typeof result?.then === 'function') result.then(context.succeed, context.fail)
  } catch (error) {
    callback(error)
  }
}

function setTraceId(value) {
  if (value) process.env._X_AMZN_TRACE_ID = value
  else delete process.env._X_AMZN_TRACE_ID
}
