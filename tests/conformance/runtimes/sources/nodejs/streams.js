// Handlers that stream. `gate` is a URL whose answer the test holds back.
const { Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')

const PIECE = 65536

async function pass(gate) {
  const answer = await fetch(gate)
  if (answer.status !== 200) throw new Error(`the gate said ${answer.status}`)
}

const httpPrelude = { statusCode: 201, headers: { 'x-kind': 'ü' }, cookies: ['a=1'] }

exports.prelude = awslambda.streamifyResponse(async (event, stream) => {
  const http = awslambda.HttpResponseStream.from(stream, httpPrelude)
  http.write('streamed ')
  await pass(event.gate)
  http.end(event.value)
})

exports.onlyEnd = awslambda.streamifyResponse(async (event, stream) => {
  awslambda.HttpResponseStream.from(stream, httpPrelude).end('all at the end')
})

exports.empty = awslambda.streamifyResponse(async (event, stream) => {
  stream.end()
})

exports.objects = awslambda.streamifyResponse(async (event, stream) => {
  stream.write({ k: 'ü' })
  stream.write(new Uint8Array([65, 66]))
  stream.end()
  return 'ignored'
})

exports.lateType = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/plain')
  stream.write('before ')
  try {
    stream.setContentType('text/html')
  } catch (error) {
    stream.write(`${error.name}: ${error.message}`)
  }
  stream.end()
})

exports.breaks = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('half')
  await pass(event.gate)
  throw new TypeError('half way')
})

exports.refuses = awslambda.streamifyResponse(async () => {
  throw new TypeError('nothing written')
})

exports.notAsync = awslambda.streamifyResponse((event, stream) => {
  stream.write('begun')
})

let calls = 0
exports.counts = awslambda.streamifyResponse(async (event, stream) => {
  calls += 1
  if (event.raise) throw new RangeError('at once')
  stream.write(String(calls))
  stream.end()
})

// Without an end of its own: goes on until the gate opens; its last piece says how much there was.
exports.pours = awslambda.streamifyResponse(async (event, stream) => {
  let isOpen = false
  pass(event.gate).then(() => (isOpen = true))
  let poured = 0
  async function* pour() {
    for (; !isOpen; poured += PIECE) {
      yield Buffer.alloc(PIECE)
      await new Promise(setImmediate)
    }
    yield Buffer.from(`${poured}`)
  }
  await pipeline(Readable.from(pour()), stream)
})
