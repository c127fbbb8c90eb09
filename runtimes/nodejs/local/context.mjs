// The context object of a handler.

/** What the headers of an event and the environment say, in the names of Node's context. */
export function describeContext(headers) {
  const deadlineMs = Number(headers['lambda-runtime-deadline-ms'])
  return {
    clientContext: parse(headers, 'lambda-runtime-client-context'),
    identity: parse(headers, 'lambda-runtime-cognito-identity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  }
}

/** The variable that X-Ray's SDKs read, for the event of `headers`. */
export function setTraceId({ 'lambda-runtime-trace-id': traceId }) {
  if (traceId) process.env._X_AMZN_TRACE_ID = traceId
  else delete process.env._X_AMZN_TRACE_ID
}

function parse(headers, name) {
  // Header values arrive as Latin-1; what they hold is UTF-8.
  return headers[name] ? JSON.parse(Buffer.from(headers[name], 'latin1').toString()) : undefined
}
