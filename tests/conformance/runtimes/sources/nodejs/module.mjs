import { basename } from 'node:path'

const ready = await Promise.resolve('awaited at the top')

export const handler = async () => `${basename(import.meta.url)} ${ready}`

export default { inner: async () => 'of the default export' }
