// The life of a function as aws-lambda-ric 3.3.0 has it: handlers with a callback, a promise,
// context.done/succeed/fail, or a stream; answers that wait for the empty event loop; errors that nobody
// handles are posted.
import { nextInvocation, postError, postInitError, postResponse, serialize } from './api.mjs'
import { completion, runWhenEmpty } from './completion.mjs'
import { describeContext } from './context.mjs'
import { describeLoosely, UnhandledPromiseRejection } from './errors.mjs'
import { isStreaming, loadHandler } from './handler.mjs'
import { logError, setRequestId } from './log.mjs'
import { requireModule } from './modules.mjs'
import { openStream, runStreaming } from './stream.mjs'

let post = (error) => postInitError(describeLoosely(error))

export async function start() {
  process.on('uncaughtException', (error) => leave('Uncaught Exception', error, 129))
  process.on('unhandledRejection', (reason) =>
    leave('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason), 128)
  )
  const find = (module, path) => path.reduce((found, member) => found && found[member], module)
  const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER, requireModule, find)
  const run = isStreaming(handler) ? runStreamed : runBuffered
  const runNext = async () => {
    const { headers, body } = await nextInvocation()
    const context = describeContext(headers)
    setRequestId(context.awsRequestId)
    post = (error) => postError(context.awsRequestId, describeLoosely(error))
    run(handler, body, context, () => setImmediate(runNext))
  }
  setImmediate(runNext)
}

async function leave(title, error, code) {
  logError(title, error)
  await post(error)
  process.exit(code)
}

function runBuffered(handler, body, context, goOn) {
  const id = context.awsRequestId
  const fail = async (error) => {
    logError('Invoke Error', error)
    await postError(id, describeLoosely(error))
    goOn()
  }
  const succeed = async (result) => {
    let text
    try {
      text = serialize(result, Error)
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

async function runStreamed(handler, body, context, goOn) {
  const response = openStream(context.awsRequestId, describeLoosely)
  context.callbackWaitsForEmptyEventLoop = true
  const end = () => (context.callbackWaitsForEmptyEventLoop ? runWhenEmpty(goOn) : goOn())
  try {
    await runStreaming(handler, JSON.parse(body), response, context, (message) => message)
    end()
  } catch (error) {
    logError('Invoke Error', error)
    response.fail(error).then(end)
  }
}
