// Finding the handler: <directory>/<module>.<export>[.<member>]; and the global by which one says that it streams.
import path from 'node:path'

import {
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  MalformedStreamingHandler,
  UserCodeSyntaxError,
} from './errors.mjs'

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')

/** The global `awslambda`, there before the function's module is, unless the function does not want it. */
export function installGlobals() {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response'
      if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark
      return handler
    },
    HttpResponseStream: {
      from(stream, prelude) {
        stream.setContentType('application/vnd.awslambda.http-integration-response')
        const text = JSON.stringify(prelude)
        stream._onBeforeFirstWrite = (write) => {
          write(text)
          write(new Uint8Array(8))
        }
        return stream
      },
    },
  }
}

export function isStreaming(handler) {
  const mark = handler[STREAMING]
  if (mark && mark !== 'response') throw new MalformedStreamingHandler('Only response streaming is supported.')
  return Boolean(mark)
}

/**
 * The function that `name` means below `root`; throws errors of the names that AWS gives them.
 * `loadModule(root, directory, name)` loads its module, `find(module, path)` walks to it.
 */
export async function loadHandler(root, name, loadModule, find) {
  if (name.includes('..')) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`
    )
  }
  const file = path.basename(name)
  const parts = file.match(/^([^.]*)\.(.*)$/)
  if (!parts) throw new MalformedHandlerName('Bad handler')
  const found = find(await load(loadModule, root, name.slice(0, -file.length), parts[1]), parts[2].split('.'))
  if (!found) throw new HandlerNotFound(`${name} is undefined or not exported`)
  if (typeof found !== 'function') throw new HandlerNotFound(`${name} is not a function`)
  return found
}

async function load(loadModule, ...where) {
  try {
    return await loadModule(...where)
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error)
    if (error?.code === 'MODULE_NOT_FOUND') throw new ImportModuleError(error)
    throw error
  }
}
