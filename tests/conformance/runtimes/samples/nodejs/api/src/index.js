// Shape: "type": "module", the handler in a directory, answers for API Gateway in both versions.
import { randomUUID } from 'node:crypto'
import { writeFile, readFile, rm } from 'node:fs/promises'

import { respond } from './respond.js'

export const handler = async (event) => {
  const { rawPath: path = event.path, requestContext } = event
  const method = requestContext.http?.method ?? event.httpMethod
  console.log(method, path)
  if (path === '/count') return { count: 10n } // no JSON
  if (path === '/price') return { price: 19.9, für: 'Ümit' } // no statusCode
  if (path !== '/orders') return respond(404, { message: `no ${path}` })
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body
  return respond(201, await keep(JSON.parse(body)))
}

async function keep(order) {
  const file = `/tmp/${randomUUID()}.json`
  await writeFile(file, JSON.stringify({ ...order, count: order.count + 1 }))
  const kept = JSON.parse(await readFile(file))
  await rm(file)
  return kept
}
