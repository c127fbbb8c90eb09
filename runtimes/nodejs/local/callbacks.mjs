// The life of a function as aws-lambda-ric 3.3.0 has it: handlers with a callback, a promise,
// context.done/succeed/fail, or a stream; answers that wait for the empty event loop; errors that nobody
// handles are posted.
import { nextInvocation, postError, postInitError, postResponse, serialize } from './api.mjs'
import { answerUnsettled } from '../unsettled.mjs'
import { completion, listenForEmpty, runWhenEmpty } from './completion.mjs'
import { describeContext, setTraceId } from './context.mjs'
import { loosely, UnhandledPromiseRejection } from './errors.mjs'
import { isStreaming, loadHandler } from './handler.mjs'
import { logError } from './log.mjs'
import { requireModule } from './modules.mjs'
import { openStream, runStreaming } from './stream.mjs'

const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId')
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId')

/** What records belong to lies where AWS's client keeps it, and libraries look for it. */
export const current = { getRequestId: () => globalThis[REQUEST_ID], getTenantId: () => globalThis[TENANT_ID] }

/** What a handler that uses it has as `this`. */
class Runtime {}

let post = (error) => postInitError(loosely.describe(error))
let findUnsettled = () => '' // the init

export async function start() {
  process.on('uncaughtException', (error) => leave('Uncaught Exception', error, 129))
  process.on('unhandledRejection', (reason, promise) =>
    leave('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), 128)
  )
  listenForEmpty()
  answerUnsettled(() => findUnsettled())
  const find = (module, path) => path.reduce((found, member) => found && found[member], module)
  const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER, requireModule, find)
  const run = isStreaming(handler) ? runStreamed : runBuffered
  const runNext = async () => {
    const { headers, body } = await nextInvocation()
    const context = describeContext(headers)
    globalThis[REQUEST_ID] = context.awsRequestId
    globalThis[TENANT_ID] = context.tenantId
    setTraceId(headers)
    post = (error) => postError(context.awsRequestId, loosely.describe(error))
    await run(handler, body, context, goOn)
  }
  const goOn = () => setImmediate(() => runNext().catch(leaveTopLevel))
  findUnsettled = () => undefined
  goOn()
}

function leave(title, error, code) {
  logError(title, error, loosely)
  return end(error, code)
}

/** What was thrown cannot be told. */
function leaveTopLevel(error) {
  console.log(`Unexpected Top Level Error: ${error}`)
  return end(error, 129)
}

async function end(error, code) {
  await post(error)
  process.exit(code)
}

function runBuffered(handler, body, context, goOn) {
  const id = context.awsRequestId
  // Both throw at once what cannot be told, for whoever called them: the handler, or its promise.
  const fail = (error) => {
    logError('Invoke Error', error, loosely)
    postError(id, loosely.describe(error)).then(goOn)
  }
  const succeed = (result) => {
    const text = serialize(result, Error)
    postResponse(id, text).then(goOn)
  }
  const { callback, members, waitForPromise, isUnsettled } = completion({ succeed, fail })
  findUnsettled = () => (isUnsettled() ? id : undefined)
  Object.defineProperties(context, Object.getOwnPropertyDescriptors(members))
  try {
    const result = Object.assign(new Runtime(), { handler }).handler(JSON.parse(body), context, callback)
    if (typeof result?.then !== 'function') return
    waitForPromise()
    result.then(context.succeed, context.fail).catch(context.fail)
  } catch (error) {
    callback(error)
  }
}

async function runStreamed(handler, body, context, goOn) {
  const response = openStream(context.awsRequestId, loosely.describe)
  context.callbackWaitsForEmptyEventLoop = true
  let isOver = false
  findUnsettled = () => (isOver ? undefined : context.awsRequestId)
  const end = () => (context.callbackWaitsForEmptyEventLoop ? runWhenEmpty(goOn) : goOn())
  try {
    const runtime = Object.assign(new Runtime(), { handler })
    await runStreaming(runtime, JSON.parse(body), response, context, (message) => message)
    isOver = true
    end()
  } catch (error) {
    isOver = true
    logError('Invoke Error', error, loosely)
    response.fail(error).then(end)
  }
}
