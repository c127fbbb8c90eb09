// The other shapes that a handler may have.
exports.callback = (event, context, callback) => {
  setTimeout(() => callback(null, `called back with ${event.value}`), 10)
}

exports.callbackError = (event, context, callback) => callback(new TypeError('by callback'))

exports.waits = (event, context, callback) => {
  // The default: the answer goes out when nothing is left to do.
  setTimeout(() => console.log('done before the answer'), 200)
  callback(null, context.callbackWaitsForEmptyEventLoop)
}

exports.hurries = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false
  setTimeout(() => {}, 60000)
  callback(null, 'at once')
}

exports.done = (event, context) => context.done(null, 'done')

exports.nothing = () => {}

exports.returns = () => 'without a promise'

exports.counted = async (...all) => all.length

exports.nested = { inner: { handler: async () => 'nested' } }

exports.rejects = async () => {
  Promise.reject(new TypeError('nobody looks'))
  await new Promise((resolve) => setTimeout(resolve, 60000))
}

exports.throwsLater = async () => {
  setTimeout(() => {
    throw new RangeError('later')
  }, 10)
  await new Promise((resolve) => setTimeout(resolve, 60000))
}

exports.neverSettled = async () => {
  console.log('waits')
  await new Promise(() => {})
}

exports.forgets = async () => {
  async function chargeCard() {
    throw new RangeError('declined')
  }
  chargeCard()
  await new Promise((resolve) => setTimeout(resolve, 60000))
}

exports.traced = async () => process.env._X_AMZN_TRACE_ID

exports.throwsText = async () => {
  throw 'a text'
}

exports.largeNumber = async () => 1n

exports.cyclic = async () => {
  const ring = {}
  ring.ring = ring
  return ring
}

exports.stream = awslambda.streamifyResponse(async (event, stream, context) => {
  const http = awslambda.HttpResponseStream.from(stream, { statusCode: 201 })
  http.write(`streamed `)
  http.write(event.value)
  http.end()
})

exports.streamRefuses = awslambda.streamifyResponse(async () => {
  throw new TypeError('nothing written')
})

exports.logs = async (event) => {
  console.debug('quiet')
  console.info('said %s', event.value)
  console.error(new TypeError('no'))
}
