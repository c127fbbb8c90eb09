// Calls of the Runtime API (spec 1.2 to 1.5).
import http from 'node:http'

import { toXRayCause } from './errors.mjs'

const VERSION = '/2018-06-01/runtime'
const JSON_TYPE = 'application/json'
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

/** The next event; waits for it without limit. */
export function nextInvocation() {
  return call('GET', '/invocation/next')
}

/** `result` as JSON; throws what AWS's clients do where it cannot be, which for most is a `Refusal`. */
export function serialize(result, Refusal) {
  let text
  try {
    text = JSON.stringify(result === undefined ? null : result)
  } catch {
    throw new Refusal('Unable to stringify response body')
  }
  if (text === undefined) throw new TypeError('Wrong arguments') // a function, a symbol
  return text
}

export function postResponse(id, text) {
  return call('POST', pathOf(id, 'response'), { 'Content-Type': JSON_TYPE }, text)
}

/** `answer` is the error's body, of errors.mjs. */
export function postError(id, answer) {
  const headers = { 'Content-Type': JSON_TYPE, 'Lambda-Runtime-Function-XRay-Error-Cause': toXRayCause(answer) }
  return call('POST', pathOf(id, 'error'), headers, JSON.stringify(answer))
}

export function postInitError(answer) {
  const headers = { 'Content-Type': JSON_TYPE, 'Lambda-Runtime-Function-Error-Type': answer.errorType }
  return call('POST', '/init/error', headers, JSON.stringify(answer))
}

/** An open request for a streamed response; `answered` is called when the API has taken it. */
export function openResponse(id, headers, answered) {
  const options = { host, port, agent, method: 'POST', path: VERSION + pathOf(id, 'response'), headers }
  return http.request(options, (answer) => answer.resume().on('end', answered))
}

function pathOf(id, what) {
  return `/invocation/${encodeURIComponent(id)}/${what}`
}

function call(method, path, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const content = body === undefined ? undefined : Buffer.from(body)
    const length = content ? { 'Content-Length': content.length } : {}
    const options = { host, port, agent, method, path: VERSION + path, headers: { ...headers, ...length } }
    const request = http.request(options, (answer) => {
      const parts = []
      answer.on('data', (part) => parts.push(part)).on('error', reject)
      answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(parts).toString() }))
    })
    request.on('error', reject).end(content)
  })
}
