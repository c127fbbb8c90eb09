import './node_path.mjs'
import { answerUnsettled } from './unsettled.mjs'

// Hands over to AWS's runtime client: 3.x exports run(), 4.x runs as soon as it is imported.
const client = await import('aws-lambda-ric')
answerUnsettled(client.run ? findPromise3 : findPromise4)
if (client.run) await client.run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER)

/** What 3.x waits for; its listener, which would answer null, is marked by unsettled.sed. */
function findPromise3() {
  const id = globalThis[Symbol.for('aws.lambda.runtime.requestId')]
  if (id === undefined) return ''
  const listener = Symbol.for('aws.lambda.beforeExit')
  if (!globalThis[listener].isPromise) return undefined
  globalThis[listener] = () => {}
  return id
}

/** 4.x has a call of next open whenever it waits for anything else. */
function findPromise4() {
  const id = globalThis.awslambda?.InvokeStore?.getRequestId()
  return id === '-' ? '' : id
}
