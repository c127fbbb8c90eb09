// How a buffered invocation is completed: the callback, context.done/succeed/fail, or an empty event loop.

/** `act` once nothing is left to run, in the place of whatever waited for that before. */
export function runWhenEmpty(act) {
  process.removeAllListeners('beforeExit')
  process.once('beforeExit', () => setImmediate(act))
}

/**
 * The callback and the members of the context for one invocation; whatever comes first counts.
 * `succeed` and `fail` are what is done with the outcome.
 */
export function completion({ succeed, fail }) {
  let waits = true
  let over = false
  const finish = (act) => {
    if (over) return
    over = true
    process.removeAllListeners('beforeExit')
    act()
  }
  const done = (error, result) =>
    finish(() => (error === undefined || error === null ? succeed(result) : fail(error)))
  const callback = (error, result) => {
    if ((error === undefined || error === null) && waits) finish(() => runWhenEmpty(() => succeed(result)))
    else done(error, result)
  }
  runWhenEmpty(() => finish(() => succeed(null))) // neither callback nor promise, and nothing left to run
  const members = {
    get callbackWaitsForEmptyEventLoop() {
      return waits
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value
    },
    succeed: (result) => done(null, result),
    fail: (error) => done(error ?? 'handled', null),
    done,
  }
  return { callback, members }
}
