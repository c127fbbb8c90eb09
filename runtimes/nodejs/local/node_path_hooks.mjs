// Runs in the thread of hooks (./node_path.mjs).
import { placesAfter } from '../node_path.mjs'

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context)
  } catch (error) {
    for (const parentURL of placesAfter(specifier, error)) {
      try {
        return await next(specifier, { ...context, parentURL })
      } catch {
        // not there either
      }
    }
    throw error
  }
}
