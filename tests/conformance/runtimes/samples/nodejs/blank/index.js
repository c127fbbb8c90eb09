// Shape: CommonJS, the bundled SDK, clients made outside of the handler, members of the context.
const { S3Client, GetObjectCommand } = require('@aws-sdk/client-s3')
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner')

const s3 = new S3Client({})

exports.handler = async function (event, context) {
  console.log('%s: %s', context.functionName, event['detail-type'])
  console.warn('stream ' + (context.logStreamName === process.env.AWS_LAMBDA_LOG_STREAM_NAME))
  console.debug(event.resources)
  const left = context.getRemainingTimeInMillis()
  if (!(left > 0 && left <= 20_000)) throw new RangeError(`the deadline is not that of the timeout: ${left}`)
  const day = event.time.slice(0, 10)
  const place = new GetObjectCommand({ Bucket: 'reports', Key: `${day}.csv` })
  const url = new URL(await getSignedUrl(s3, place, { expiresIn: 60 }))
  return {
    requestId: context.awsRequestId,
    arn: context.invokedFunctionArn,
    memory: context.memoryLimitInMB,
    waits: context.callbackWaitsForEmptyEventLoop,
    path: url.pathname,
    signedFor: url.searchParams.get('X-Amz-Credential').split('/').slice(2),
    ownToken: url.searchParams.get('X-Amz-Security-Token') === process.env.AWS_SESSION_TOKEN,
    missing: undefined,
    at: new Date(event.time),
  }
}
