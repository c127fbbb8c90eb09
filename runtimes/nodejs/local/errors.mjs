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

/** An error of this file as 4.0.2 has it: its name is its own, and a syntax error has the stack of the code's. */
export function strictly(error) {
  if (error.name?.startsWith('Runtime.')) error.name = `${error.name}`
  if (error instanceof UserCodeSyntaxError) error.stack = error.original.stack
  return error
}

const escape = (text) => text?.replace(/\x7F/g, '%7F')

/** The body of an error, as 3.3.0 makes it: what looks like an error is one. */
export function describeLoosely(error) {
  const isError = (one) => util.types.isNativeError(one) || (one?.name && one.message && one.stack)
  return describe(error, isError, (one) => one.toString())
}

/** The body of an error, as 4.0.2 makes it. */
export function describeStrictly(error) {
  return describe(error, (one) => one instanceof Error, String)
}

/** The order of the keys is the client's. */
function describe(error, isError, toText) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: toText(error), trace: [] }
    return {
      errorType: escape(error.name),
      errorMessage: escape(error.message),
      trace: escape(error.stack).split('\n'),
    }
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its ' +
        'message, name, and stack',
    }
  }
}

/** One line for the log, with an error's own properties. */
export function toLine(error) {
  const known = error instanceof Error ? error : new Error(String(error))
  try {
    return '\t' + JSON.stringify(known, (_, value) => withProperties(value))
  } catch {
    return '\t' + JSON.stringify(describeStrictly(known))
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
  return Object.assign({ errorType, errorMessage, code }, value, { stack: value.stack?.split('\n') })
}
