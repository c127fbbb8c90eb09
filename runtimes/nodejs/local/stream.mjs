// Streamed responses (spec 1.3): chunks as they are written, an error in trailers.
import { Writable } from 'node:stream'

import { openResponse, postError } from './api.mjs'
import { toRapidError } from './errors.mjs'
import { logError } from './log.mjs'

const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type'
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body'

class ResponseStream extends Writable {
  #id
  #type = 'application/octet-stream'
  #request
  #answered

  constructor(id) {
    super({ decodeStrings: true })
    this.#id = id
    this.whenAnswered = new Promise((resolve) => (this.#answered = resolve))
  }

  get isBegun() {
    return this.#request !== undefined
  }

  setContentType(type) {
    this.#type = type
  }

  _write(chunk, _, taken) {
    this.#begin().write(chunk, taken)
  }

  _final(taken) {
    this.#begin().end(taken)
  }

  /** End what has begun with the error in its trailers. */
  abort(error) {
    const answer = toRapidError(error)
    const body = Buffer.from(JSON.stringify(answer)).toString('base64')
    this.#request.addTrailers({ [ERROR_TYPE]: answer.errorType, [ERROR_BODY]: body })
    this.#request.end()
    return this.whenAnswered
  }

  #begin() {
    if (!this.#request) {
      const headers = {
        'Lambda-Runtime-Function-Response-Mode': 'streaming',
        'Content-Type': this.#type,
        Trailer: [ERROR_TYPE, ERROR_BODY],
        'Transfer-Encoding': 'chunked',
      }
      this.#request = openResponse(this.#id, headers, this.#answered)
      this.#request.on('error', (error) => this.destroy(error))
      this._onBeforeFirstWrite?.((part) => this.#request.write(part))
    }
    return this.#request
  }
}

/** One invocation of a streaming handler; `goOn` is called when its response is over. */
export async function runStreaming(handler, { id, body, context }, goOn) {
  const stream = new ResponseStream(id)
  try {
    const result = handler(JSON.parse(body), stream, context)
    if (typeof result?.then !== 'function') throw new Error('Streaming does not support non-async handlers.')
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.')
    if (!stream.writableEnded) throw new Error('Response stream is not finished.')
    await stream.whenAnswered
  } catch (error) {
    logError('Invoke Error', error)
    await (stream.isBegun ? stream.abort(error) : postError(id, error))
  }
  goOn()
}
