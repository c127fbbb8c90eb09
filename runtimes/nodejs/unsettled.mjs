// A promise of the function's that nothing can settle any more, since the event loop is empty: on AWS an error,
// Runtime.NodejsExit. Contract: used by the index.mjs of the images, for AWS's clients, and by local mode's own.
import http from 'node:http'

const MESSAGE =
  'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise ' +
  'that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes'
const EXIT_CODE = 13 // Node's own, for a top-level await that is never settled

export class NodejsExit extends Error {
  constructor() {
    super(MESSAGE)
    this.name = 'Runtime.NodejsExit'
  }
}

/**
 * Answer an empty event loop once it means that: `find` gives the id of the event that waits for a promise, an empty
 * text while the init does, and undefined where nothing waits.
 */
export function answerUnsettled(find) {
  process.on('beforeExit', () => {
    const id = find()
    if (id !== undefined) leave(id)
  })
}

function leave(id) {
  const { name: errorType, message: errorMessage, stack } = new NodejsExit()
  const trace = stack.split('\n')
  if (process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON') console.error(new NodejsExit())
  else console.error(id ? 'Invoke Error' : 'Init Error', '\t' + JSON.stringify({ errorType, errorMessage, stack: trace }))
  post(id, { errorType, errorMessage, trace })
}

function post(id, answer) {
  const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
  const path = `/2018-06-01/runtime/${id ? `invocation/${encodeURIComponent(id)}` : 'init'}/error`
  const headers = { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': answer.errorType }
  const request = http.request({ host, port, path, method: 'POST', headers }, (taken) => {
    taken.resume().on('end', () => process.exit(EXIT_CODE))
  })
  request.on('error', () => process.exit(EXIT_CODE)).end(JSON.stringify(answer))
}
