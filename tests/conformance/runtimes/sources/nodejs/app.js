class Refused extends Error {
  constructor(message) {
    super(message)
    this.name = 'Refused'
  }
}

let count = 0

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const answers = {
  echo: (event) => event.value,
  environment: (event) =>
    Object.fromEntries(event.names.map((name) => [name, process.env[name] ?? null])),
  async context(event, context) {
    const remaining = context.getRemainingTimeInMillis()
    await pause(20)
    return {
      name: context.functionName,
      version: context.functionVersion,
      memory: context.memoryLimitInMB,
      request: context.awsRequestId,
      arn: context.invokedFunctionArn,
      group: context.logGroupName,
      stream: context.logStreamName,
      remaining,
      later: context.getRemainingTimeInMillis(),
    }
  },
  client: (event, context) => context.clientContext?.custom ?? null,
  raise() {
    throw new Refused('no')
  },
  exit: () => process.exit(3),
  sleep: (event) => pause(event.seconds * 1000),
  text: (event) => 'z'.repeat(event.length),
  measure: (event) => event.text.length,
  log() {
    console.log('line one')
    console.warn('line %s', 'two')
    process.stdout.write('line three\n')
  },
  print: (event) => void process.stdout.write(event.text + '\n'),
  count: () => count,
}

exports.handler = async (event, context) => {
  count += 1
  return answers[event.ask](event, context)
}

exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first ')
  await fetch(event.gate)
  stream.end('second')
})
