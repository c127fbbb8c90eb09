// console, as on AWS: <ISO time> \t <request id> \t <LEVEL> \t <message>, one record a line; or JSON.
import util from 'node:util'

import { toLine } from './errors.mjs'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
const isJson = () => process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON'

/** From now on console writes Lambda's format, from AWS_LAMBDA_LOG_LEVEL upwards; `current` is what it belongs to. */
export function patchConsole(current) {
  const format = isJson() ? formatJson : formatText
  const lowest = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toLowerCase()))
  LEVELS.forEach((level, number) => {
    console[level] = (message, ...more) => {
      if (number < lowest) return
      const line = format(new Date().toISOString(), level.toUpperCase(), current, [message, ...more])
      process.stdout.write(line.replace(/\n/g, '\r') + '\n')
    }
  })
  console.log = console.info
}

/** Writes what was thrown, made an error and described as the client does whose `toError` and `describe` are given. */
export function logError(title, thrown, { toError, describe }) {
  const error = toError(thrown)
  if (isJson()) console.error(error)
  else console.error(title, toLine(error, describe))
}

function formatText(time, level, current, words) {
  return `${time}\t${current.getRequestId()}\t${level}\t${util.format(...words)}`
}

function formatJson(timestamp, level, current, words) {
  const record = { timestamp, level, requestId: current.getRequestId(), tenantId: current.getTenantId() }
  if (words.length === 1) return formatSingle({ ...record, message: words[0] })
  record.message = util.format(...words)
  const error = words.find((word) => word instanceof Error)
  return JSON.stringify(error ? { ...record, ...describe(error) } : record)
}

function formatSingle(record) {
  try {
    return JSON.stringify(record, (_, value) =>
      value instanceof Error ? Object.assign(describe(value), value) : value
    )
  } catch {
    return JSON.stringify({ ...record, message: util.format(record.message) })
  }
}

function describe(error) {
  const errorType = error.constructor?.name ?? 'UnknownError'
  return { errorType, errorMessage: error.message, stackTrace: error.stack?.split('\n') }
}
