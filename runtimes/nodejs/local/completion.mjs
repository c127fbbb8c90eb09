// How a buffered invocation is completed: the callback, context.done/succeed/fail, or an empty event loop. What is
// to be done then lies where AWS's client keeps it, so that the function's own listeners of beforeExit stay.
const LISTENER = Symbol.for('aws.lambda.beforeExit')
const TWICE = 'Invocation has already been reported as done. Cannot call complete more than once per invocation.'

/** From now on an empty event loop does what the listener says. */
export function listenForEmpty() {
  forgetEmpty()
  process.on('beforeExit', () => globalThis[LISTENER]())
}

/** `act` once nothing is left to run, in the place of whatever waited for that before. */
export function runWhenEmpty(act) {
  globalThis[LISTENER] = () => setImmediate(act)
}

function forgetEmpty() {
  globalThis[LISTENER] = () => {}
}

/**
 * The callback and the members of the context for one invocation. `succeed` and `fail` are what is done with the
 * outcome; `waitForPromise` is to be called where the handler gave a promise, `isUnsettled` tells that it waits for it.
 */
export function completion({ succeed, fail }) {
  let waits = true
  let isComplete = false
  let isPromise = false
  const complete = (result) => {
    if (isComplete) return console.error(TWICE)
    isComplete = true
    succeed(result)
  }
  const unanswered = () => {
    if (isPromise) return
    isComplete = true
    succeed(null) // neither callback nor promise, and nothing left to run
  }
  globalThis[LISTENER] = unanswered
  const done = (error, result) => {
    forgetEmpty()
    if (error === undefined || error === null) complete(result)
    else fail(error)
  }
  const callback = (error, result) => {
    forgetEmpty()
    if (error !== undefined && error !== null) fail(error)
    else if (waits) runWhenEmpty(() => complete(result))
    else complete(result)
  }
  const ways = onlyFirst({
    callback,
    succeed: (result) => done(null, result),
    fail: (error) => done(error ?? 'handled', null),
    done,
  })
  const members = {
    get callbackWaitsForEmptyEventLoop() {
      return waits
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value
    },
    succeed: ways.succeed,
    fail: ways.fail,
    done: ways.done,
  }
  return {
    callback: ways.callback,
    members,
    waitForPromise: () => (isPromise = true),
    isUnsettled: () => isPromise && globalThis[LISTENER] === unanswered,
  }
}

/** Of the ways of `ways` together the first counts that does not throw. */
function onlyFirst(ways) {
  let isOver = false
  const wrap = (way) =>
    (...given) => {
      if (isOver) return
      way(...given)
      isOver = true
    }
  return Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, wrap(way)]))
}
