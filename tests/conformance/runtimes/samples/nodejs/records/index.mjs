// Shape: an ES module, all records of a batch at once, a library in node_modules, a partial batch response.
import { setTimeout } from 'node:timers/promises'

import { v5 as uuid } from 'uuid'

const place = await Promise.resolve(uuid('https://example.com/orders', uuid.URL))

export const handler = async (event) => {
  const outcomes = await Promise.allSettled(event.Records.map(handleRecord))
  const failed = outcomes.flatMap(({ status }, at) => (status === 'rejected' ? [event.Records[at].messageId] : []))
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) }
}

export const strict = async (event) => Promise.all(event.Records.map(handleRecord))

async function handleRecord({ messageId, body }, at) {
  await setTimeout(10 * (3 - at)) // the last one is done first
  const { item, count } = JSON.parse(body)
  if (!(count > 0)) throw new InvalidCount(messageId)
  console.info(`${messageId} is ${uuid(item, place)}`)
  return `${item}: ${count}`
}

class InvalidCount extends Error {
  constructor(id) {
    super(`no count in ${id}`)
    this.name = 'InvalidCount'
  }
}
