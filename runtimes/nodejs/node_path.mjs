// ES modules find what NODE_PATH names, as CommonJS does and as Lambda's Node does: the bundled SDK, and modules
// of layers. Contract: only where the ordinary search, which begins at the importing file, has found nothing.
import module from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const directories = (process.env.NODE_PATH ?? '').split(':').filter((one) => one.endsWith('/node_modules'))
const isBare = (specifier) => !/^(\.{0,2}\/|[a-z]+:)/.test(specifier)

module.registerHooks?.({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context)
    } catch (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND' || !isBare(specifier)) throw error
      for (const directory of directories) {
        try {
          return next(specifier, { ...context, parentURL: pathToFileURL(path.join(directory, 'any.mjs')).href })
        } catch {
          // not there either
        }
      }
      throw error
    }
  },
})
