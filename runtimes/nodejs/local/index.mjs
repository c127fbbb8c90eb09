// The Node bootstrap of local mode, on Node's own modules: it needs nothing but the machine's node.
//
// Contract: behaves as the client of AWS that the runtime's image has, which needs a native build: 3.3.0 for
// nodejs22.x and older (callbacks.mjs), 4.0.2 from nodejs24.x on (promises.mjs); docs/adr/0005. Spec 1.2 to 1.5.
import { installGlobals } from './handler.mjs'
import { patchConsole } from './log.mjs'

const [, major] = process.env.AWS_EXECUTION_ENV?.match(/^AWS_Lambda_nodejs(\d+)/) ?? []
const { current, start } = await import(Number(major) >= 24 ? './promises.mjs' : './callbacks.mjs')

patchConsole(current)
installGlobals()
await start()
