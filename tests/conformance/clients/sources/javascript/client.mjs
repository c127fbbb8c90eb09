// Makes one call with the AWS SDK for JavaScript v3 and prints what it gives: client.mjs URL REQUEST
import * as sdk from '@aws-sdk/client-lambda'

const [url, request] = [process.argv[2], JSON.parse(process.argv[3])]
const client = new sdk.LambdaClient({
  endpoint: url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1
})
const decode = (bytes) => Buffer.from(bytes ?? []).toString()

function input() {
  const payload = request.length ? '"' + 'x'.repeat(request.length - 2) + '"' : request.payload
  return {
    FunctionName: request.function,
    Payload: payload === undefined ? undefined : Buffer.from(payload),
    InvocationType: request.type,
    LogType: request.tail ? 'Tail' : undefined,
    ClientContext: request.context,
    Qualifier: request.qualifier
  }
}

async function invoke() {
  const answer = await client.send(new sdk.InvokeCommand(input()))
  return {
    status: answer.StatusCode,
    functionError: answer.FunctionError ?? '',
    payload: decode(answer.Payload),
    tail: answer.LogResult ?? '',
    version: answer.ExecutedVersion ?? '',
    requestId: answer.$metadata.requestId
  }
}

async function stream() {
  const answer = await client.send(new sdk.InvokeWithResponseStreamCommand(input()))
  const chunks = []
  let complete
  for await (const event of answer.EventStream) {
    if (event.PayloadChunk) chunks.push(decode(event.PayloadChunk.Payload))
    if (event.InvokeComplete) complete = event.InvokeComplete
  }
  return {
    status: answer.StatusCode,
    version: answer.ExecutedVersion,
    contentType: answer.ResponseStreamContentType,
    body: chunks.join(''),
    chunks: chunks.length,
    complete: complete !== undefined,
    errorCode: complete?.ErrorCode ?? '',
    errorDetails: complete?.ErrorDetails ?? '',
    tail: complete?.LogResult ?? ''
  }
}

try {
  console.log(JSON.stringify(await { invoke, stream }[request.call]()))
} catch (error) {
  console.log(JSON.stringify({
    error: error.name,
    modelled: typeof sdk[error.name] === 'function' && error instanceof sdk[error.name],
    fault: error.$fault,
    status: error.$metadata?.httpStatusCode,
    message: error.message,
    reason: error.Reason ?? '',
    retryAfter: error.retryAfterSeconds ?? ''
  }))
}
