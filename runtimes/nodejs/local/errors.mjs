// Errors as AWS's client names, posts and prints them (spec 1.4).
import util from 'node:util'

function named(name, base = Error) {
  const made = { [name]: class extends base {} }[name]
  made.prototype.name = `Runtime.${name}`
  return made
}

export const ImportModuleError = named('ImportModuleError')
export const HandlerNotFound = named('HandlerNotFound')
export const MalformedHandlerName = named('MalformedHandlerName')
export const MalformedStreamingHandler = named('MalformedStreamingHandler')
export class UserCodeSyntaxError extends named('UserCodeSyntaxError') {
  constructor(original) {
    super(original)
    Object.defineProperty(this, 'original', { value: original })
  }
}
export const InvalidStreamingOperation = named('InvalidStreamingOperation')
export class UnhandledPromiseRejection extends named('UnhandledPromiseRejection') {
  constructor(reason, promise) {
    super(reason)
    Object.assign(this, { reason, promise })
  }
}
export const CallbackHandlerDeprecated = named('CallbackHandlerDeprecated')
export const JSONStringifyError = named('JSONStringifyError')

const OWN = [
  ...[ImportModuleError, HandlerNotFound, MalformedHandlerName, MalformedStreamingHandler, UserCodeSyntaxError],
  ...[InvalidStreamingOperation, CallbackHandlerDeprecated, JSONStringifyError],
]

/** An error of this file as 4.0.2 has it: its name is its own, and a syntax error has the stack of the code's. */
export function toOwn(error) {
  if (OWN.some((one) => error instanceof one)) error.name = `${error.name}`
  if (error instanceof UserCodeSyntaxError) error.stack = error.original.stack
  return error
}

const escape = (text) => text?.replace(/\x7F/g, '%7F')
const UNTELLABLE = {
  errorType: 'handled',
  errorMessage:
    'callback called with Error argument, but there was a problem while retrieving one or more of its ' +
    'message, name, and stack',
}

/** How 3.3.0 makes an error of what was thrown, and its body: what looks like an error is one. */
export const loosely = {
  toError: (thrown) => (thrown instanceof Error ? thrown : new Error(thrown)),
  describe(thrown) {
    try {
      const isError = util.types.isNativeError(thrown) || (thrown?.name && thrown.message && thrown.stack)
      if (!isError) return describeOther(thrown, thrown.toString())
      return describeError(thrown, escape(thrown.stack).split('\n'))
    } catch {
      return UNTELLABLE
    }
  },
}

/** How 4.0.2 does: an error need not have a stack. */
export const strictly = {
  toError: (thrown) => (thrown instanceof Error ? thrown : new Error(String(thrown))),
  describe(thrown) {
    try {
      if (!(thrown instanceof Error)) return describeOther(thrown, String(thrown))
      return describeError(thrown, escape(thrown.stack)?.split('\n') ?? [])
    } catch {
      return { ...UNTELLABLE, trace: [] }
    }
  },
}

/** The order of the keys is the clients'. */
function describeError({ name, message }, trace) {
  return { errorType: escape(name), errorMessage: escape(message), trace }
}

function describeOther(thrown, errorMessage) {
  return { errorType: typeof thrown, errorMessage, trace: [] }
}

/** One line for the log, with an error's own properties; where it has none that can be written, what `describe` says. */
export function toLine(error, describe) {
  try {
    return '\t' + JSON.stringify(error, (_, value) => withProperties(value))
  } catch {
    return '\t' + JSON.stringify(describe(error))
  }
}

/** The value of the X-Ray header: no byte outside ASCII, or Node refuses it. */
export function toXRayCause({ errorType, errorMessage }) {
  const cause = { working_directory: process.cwd(), exceptions: [{ type: errorType, message: errorMessage, stack: [] }], paths: [] }
  return JSON.stringify(cause).replace(/[^\x20-\x7E]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function withProperties(value) {
  if (!(value instanceof Error)) return value
  const { name: errorType, message: errorMessage, code } = value
  const stack = typeof value.stack === 'string' ? { stack: value.stack.split('\n') } : {}
  return Object.assign({ errorType, errorMessage, code }, value, stack)
}
