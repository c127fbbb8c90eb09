// console, as on AWS: <ISO time> \t <request id> \t <LEVEL> \t <message>, one record a line.
import util from 'node:util'

import { toLine } from './errors.mjs'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
let requestId

export function setRequestId(id) {
  requestId = id
}

/** From now on console writes Lambda's format, from AWS_LAMBDA_LOG_LEVEL upwards. */
export function patchConsole() {
  const format = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON' ? formatJson : formatText
  const lowest = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toLowerCase()))
  LEVELS.forEach((level, number) => {
    console[level] = (message, ...more) => {
      if (number < lowest) return
      const line = format(new Date().toISOString(), level.toUpperCase(), [message, ...more])
      process.stdout.write(line.replace(/\n/g, '\r') + '\n')
    }
  })
  console.log = console.info
}

export function logError(title, error) {
  if (process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON') console.error(error)
  else console.error(title, toLine(error))
}

function formatText(time, level, words) {
  return `${time}\t${requestId}\t${level}\t${util.format(...words)}`
}

function formatJson(timestamp, level, words) {
  const record = { timestamp, level, requestId }
  const error = words.find((word) => word instanceof Error)
  record.message = words.length === 1 && !error ? words[0] : util.format(...words)
  if (error) {
    const described = { errorType: error.constructor.name, errorMessage: error.message, stackTrace: error.stack?.split('\n') }
    if (words.length === 1) record.message = described
    else Object.assign(record, described)
  }
  try {
    return JSON.stringify(record)
  } catch {
    return JSON.stringify({ ...record, message: util.format(record.message) })
  }
}
