// The ../node_path.mjs of the image, also on a machine's Node older than 22.15, which has hooks only in a thread of
// their own: started for handlers that are ES modules, where NODE_PATH names something that is there.
import fs from 'node:fs'
import module from 'node:module'

import '../node_path.mjs'

/** From now on ES modules find what NODE_PATH names. */
export function searchNodePath() {
  const isAny = (process.env.NODE_PATH ?? '').split(':').some((one) => one && fs.existsSync(one))
  if (!module.registerHooks && isAny) module.register('./node_path_hooks.mjs', import.meta.url)
}
