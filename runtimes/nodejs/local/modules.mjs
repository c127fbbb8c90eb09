// Loading the module that a handler's name means, below the task root.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

import { searchNodePath } from './node_path.mjs'

const require = createRequire(import.meta.url)
const ENDS = ['', '.js', '.mjs', '.cjs']

/** As 3.3.0: require where it can be, import for what is an ES module by its name or its package. */
export async function requireModule(root, directory, name) {
  const place = path.resolve(root, directory, name)
  const file = ENDS.map((end) => place + end).find((one) => fs.existsSync(one))
  if (file === undefined) return resolveModule(root, path.resolve(root, directory), name)
  if (!isModule(file, warn)) return require(file)
  searchNodePath()
  return import(pathToFileURL(file))
}

/** As 4.0.2: import, whatever it is. */
export async function importModule(root, directory, name) {
  const place = path.resolve(root, directory, name)
  const file = ENDS.map((end) => place + end).find((one) => fs.existsSync(one))
  if (file === undefined) return resolveModule(root, path.join(root, directory), name)
  if (isModule(file, () => {})) searchNodePath()
  return import(pathToFileURL(file))
}

/** A module found from the root or the directory, one of a layer, or the error that says so. */
function resolveModule(root, directory, name) {
  return require(require.resolve(name, { paths: [root, directory] }))
}

function isFile(place) {
  return fs.statSync(place, { throwIfNoEntry: false })?.isFile() ?? false
}

/** `complain` is told which package.json is no JSON, and why. */
function isModule(file, complain) {
  return file.endsWith('.mjs') || (file.endsWith('.js') && isInModule(path.dirname(file), complain))
}

function isInModule(directory, complain) {
  if (directory.endsWith('/node_modules')) return false
  const description = path.join(directory, 'package.json')
  if (isFile(description)) return hasTypeModule(description, complain)
  return directory !== '/' && isInModule(path.dirname(directory), complain)
}

function hasTypeModule(description, complain) {
  try {
    return JSON.parse(fs.readFileSync(description)).type === 'module'
  } catch (error) {
    complain(description, error)
    return false
  }
}

function warn(description, error) {
  console.warn(`${description} cannot be read, it will be ignored for ES module detection purposes.`, error)
}
