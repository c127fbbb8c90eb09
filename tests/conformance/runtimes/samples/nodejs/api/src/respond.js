export function respond(statusCode, body, cookies = ['seen=yes']) {
  return {
    statusCode,
    headers: { 'content-type': 'application/json' },
    cookies,
    body: JSON.stringify(body),
    isBase64Encoded: false,
  }
}
