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
export const UserCodeSyntaxError = named('UserCodeSyntaxError')
export const UnhandledPromiseRejection = named('UnhandledPromiseRejection')

const escape = (text) => text?.replace(/\x7F/g, '%7F')

/** The body of an error; the order of its keys is the client's. */
export function toRapidError(error) {
  try {
    if (util.types.isNativeError(error) || (error?.name && error.message && error.stack)) {
      return {
        errorType: escape(error.name),
        errorMessage: escape(error.message),
        trace: escape(error.stack).split('\n'),
      }
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] }
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
  const known = error instanceof Error ? error : new Error(error)
  try {
    return '\t' + JSON.stringify(known, (_, value) => withProperties(value))
  } catch {
    return '\t' + JSON.stringify(toRapidError(known))
  }
}

/** The value of the X-Ray header: no byte outside ASCII, or Node refuses it. */
export function toXRayCause(error) {
  const { errorType, errorMessage } = toRapidError(error)
  const cause = { working_directory: process.cwd(), exceptions: [{ type: errorType, message: errorMessage, stack: [] }], paths: [] }
  return JSON.stringify(cause).replace(/[^\x20-\x7E]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function withProperties(value) {
  if (!(value instanceof Error)) return value
  const { name: errorType, message: errorMessage, code } = value
  return Object.assign({ errorType, errorMessage, code }, value, { stack: value.stack?.split('\n') })
}
