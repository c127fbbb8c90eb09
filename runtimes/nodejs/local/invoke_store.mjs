// awslambda.InvokeStore of aws-lambda-ric 4: what belongs to the event in hand, for libraries that ask for it.
const OWN = {
  REQUEST_ID: Symbol.for('_AWS_LAMBDA_REQUEST_ID'),
  X_RAY_TRACE_ID: Symbol.for('_AWS_LAMBDA_X_RAY_TRACE_ID'),
  TENANT_ID: Symbol.for('_AWS_LAMBDA_TENANT_ID'),
}
let current

export const invokeStore = {
  getContext: () => current,
  hasContext: () => current !== undefined,
  get: (key) => current?.[key],
  set(key, value) {
    if (Object.values(OWN).includes(key)) throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`)
    current = { ...current, [key]: value }
  },
  getRequestId: () => current?.[OWN.REQUEST_ID] ?? '-',
  getXRayTraceId: () => current?.[OWN.X_RAY_TRACE_ID],
  getTenantId: () => current?.[OWN.TENANT_ID],
  run(context, act) {
    current = context
    return act()
  },
}

/** The store's own fields for the event of a handler's `context`. */
export function describeStore({ awsRequestId, xRayTraceId }) {
  return { [OWN.REQUEST_ID]: awsRequestId, [OWN.X_RAY_TRACE_ID]: xRayTraceId }
}
