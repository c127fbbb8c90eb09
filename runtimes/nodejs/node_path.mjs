// ES modules find what NODE_PATH names, as CommonJS does and as Lambda's Node does: the bundled SDK, and modules
// of layers. Contract: only where the ordinary search, which begins at the importing file, has found nothing.
import module from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const directories = (process.env.NODE_PATH ?? '').split(':').filter((one) => one.endsWith('/node_modules'))
const isBare = (specifier) => !/^(\.{0,2}\/|[a-z]+:)/.test(specifier)

/** What to import `specifier` from after the `error` of the ordinary search; none where that was another error. */
export function placesAfter(specifier, error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !isBare(specifier)) return []
  return directories.map((directory) => pathToFileURL(path.join(directory, 'any.mjs')).href)
}

module.registerHooks?.({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context)
    } catch (error) {
      for (const parentURL of placesAfter(specifier, error)) {
        try {
          return next(specifier, { ...context, parentURL })
        } catch {
          // not there either
        }
      }
      throw error
    }
  },
})
