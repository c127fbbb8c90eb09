import './node_path.mjs'

// Hands over to AWS's runtime client: 3.x exports run(), 4.x runs as soon as it is imported.
const client = await import('aws-lambda-ric')
if (client.run) await client.run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER)
