// Finding the handler: <directory>/<module>.<export>[.<member>], CommonJS or ES module.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

import {
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  MalformedStreamingHandler,
  UserCodeSyntaxError,
} from './errors.mjs'
import { searchNodePath } from './node_path.mjs'

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')

/** The global `awslambda`, there before the function's module is. */
export function installGlobals() {
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response'
      if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark
      return handler
    },
    HttpResponseStream: {
      from(stream, prelude) {
        stream.setContentType('application/vnd.awslambda.http-integration-response')
        stream._onBeforeFirstWrite = (write) => {
          write(JSON.stringify(prelude))
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

/** The function that `name` means below `root`; throws errors of the names that AWS gives them. */
export async function loadHandler(root, name) {
  if (name.includes('..')) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`
    )
  }
  const file = path.basename(name)
  const parts = file.match(/^([^.]*)\.(.*)$/)
  if (!parts) throw new MalformedHandlerName('Bad handler')
  const loaded = await loadModule(root, name.slice(0, -file.length), parts[1])
  const found = parts[2].split('.').reduce((value, member) => value && value[member], loaded)
  if (!found) throw new HandlerNotFound(`${name} is undefined or not exported`)
  if (typeof found !== 'function') throw new HandlerNotFound(`${name} is not a function`)
  return found
}

async function loadModule(root, directory, name) {
  const place = path.resolve(root, directory, name)
  const require = createRequire(import.meta.url)
  try {
    const file = ['', '.js', '.mjs', '.cjs'].map((end) => place + end).find(isFile)
    // A directory with index.js, a module of a layer, or the error that says so.
    if (file === undefined) return require(require.resolve(name, { paths: [root, path.resolve(root, directory)] }))
    if (file.endsWith('.mjs') || (file.endsWith('.js') && isInModule(path.dirname(file)))) {
      searchNodePath()
      return await import(pathToFileURL(file))
    }
    return require(file)
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error)
    if (error?.code === 'MODULE_NOT_FOUND') throw new ImportModuleError(error)
    throw error
  }
}

function isFile(place) {
  return fs.statSync(place, { throwIfNoEntry: false })?.isFile() ?? false
}

function isInModule(directory) {
  if (directory.endsWith('/node_modules')) return false
  const description = path.join(directory, 'package.json')
  if (isFile(description)) return JSON.parse(fs.readFileSync(description)).type === 'module'
  return directory !== '/' && isInModule(path.dirname(directory))
}
