// Streamed responses (spec 1.3): chunks as they are written, an error in trailers.
import { openResponse } from './api.mjs'
import { InvalidStreamingOperation } from './errors.mjs'

const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type'
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body'

const METHODS = [
  ...['cork', 'destroy', 'end', 'uncork', 'write', 'setContentType'],
  ...['addListener', 'emit', 'eventNames', 'getMaxListeners', 'listenerCount', 'listeners', 'off', 'on', 'once'],
  ...['prependListener', 'prependOnceListener', 'rawListeners', 'removeAllListeners', 'removeListener'],
  'setMaxListeners',
]
const PROPERTIES = [
  ...['destroyed', 'writable', 'writableCorked', 'writableEnded', 'writableFinished', 'writableHighWaterMark'],
  ...['writableLength', 'writableNeedDrain', 'writableObjectMode', '_onBeforeFirstWrite'],
]

/**
 * The response of one invocation: the `stream` for the handler, `whenAnswered` it has been taken, and `fail`, which
 * ends it with an error and is fulfilled when that has been sent. `describe` makes an error's body.
 */
export function openStream(id, describe) {
  let answered, broken
  const whenAnswered = new Promise((resolve, reject) => ([answered, broken] = [resolve, reject]))
  const headers = {
    'Lambda-Runtime-Function-Response-Mode': 'streaming',
    'Content-Type': 'application/octet-stream',
    Trailer: [ERROR_TYPE, ERROR_BODY],
    'Transfer-Encoding': 'chunked',
  }
  const request = openResponse(id, headers, answered)
  request.on('error', broken)
  addWriting(request)
  const fail = (error) => {
    const answer = describe(error)
    const body = Buffer.from(JSON.stringify(answer)).toString('base64')
    request.addTrailers({ [ERROR_TYPE]: answer.errorType, [ERROR_BODY]: body })
    return new Promise((resolve) => request.end(resolve))
  }
  return { stream: hideRequest(request), whenAnswered, fail }
}

/**
 * One invocation of the streaming handler of `processor`; fulfilled when its response has been taken. `complain` makes
 * what is thrown of a message.
 */
export async function runStreaming(processor, event, { stream, whenAnswered }, context, complain) {
  const result = processor.handler(event, stream, context)
  if (typeof result?.then !== 'function') throw complain('Streaming does not support non-async handlers.')
  if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.')
  await whenAnswered
  if (!stream.writableFinished) throw complain('Response stream is not finished.')
}

/** Whatever is no text and no bytes goes out as JSON; the prelude goes before the first write, not before an end. */
function addWriting(request) {
  const write = request.write.bind(request)
  let isBegun = false
  request.write = (chunk, encoding, callback) => {
    void chunk.length // of null a TypeError, here as there
    const isPlain = typeof chunk === 'string' || chunk instanceof Uint8Array
    if (!isBegun) request._onBeforeFirstWrite?.((part) => write(part))
    isBegun = true
    return write(isPlain ? chunk : JSON.stringify(chunk), encoding, callback)
  }
  request.setContentType = (type) => {
    if (isBegun) throw new InvalidStreamingOperation('Cannot set content-type, too late.')
    request.setHeader('Content-Type', type)
  }
}

/** What of the request is a stream's. */
function hideRequest(request) {
  const stream = Object.fromEntries(METHODS.map((name) => [name, request[name].bind(request)]))
  for (const name of PROPERTIES) {
    Object.defineProperty(stream, name, { get: () => request[name], set: (value) => (request[name] = value) })
  }
  return stream
}
