"""Node.js: CommonJS and ES modules, the SDK, vendored libraries, batches, answers."""

from conformance.runtimes.sample_cases import Case, Failure, Sample, load

BLANK = Sample("nodejs/blank", "index.handler", "nodejs22.x", needs_sdk=True)
RECORDS = Sample("nodejs/records", "index.handler", "nodejs22.x")
STRICT = Sample("nodejs/records", "index.strict", "nodejs22.x")
API = Sample("nodejs/api", "src/index.handler", "nodejs22.x")

FIRST, SECOND = (f"6b5f1a52-0c57-4d0e-9e0b-6f2a4f4f0a0{number}" for number in (1, 2))
ROLL, COFFEE = "9de638ee-0dd7-5b63-88b7-9cc53b6a13ef", "4ad0e8a4-c7e0-505c-a9b0-f5e4e63953d7"
"""UUIDs of version 5 of the items, in the namespace of https://example.com/orders."""


def line(message: str, level: str = "INFO") -> str:
    """A line of console, as AWS's client formats it (spec 1.9)."""
    return rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t$REQUEST\t{level}\t{message}"


def error(name: str, message: str) -> str:
    """The line of an error that ended the invocation."""
    begin = rf'Invoke Error \t{{"errorType":"{name}","errorMessage":"{message}"'
    return line(f"{begin}.*", "ERROR")


RULE = "arn:aws:events:us-east-1:123456789012:rule/nightly"

CASES = (
    Case(
        "a scheduled event: CommonJS, the bundled SDK with the environment's credentials, context",
        BLANK,
        load("scheduled"),
        '{"requestId":"$REQUEST","arn":"$ARN","memory":"256","waits":true,'
        '"path":"/2026-02-28.csv","signedFor":["us-east-1","s3","aws4_request"],"ownToken":true,'
        '"at":"2026-02-28T23:30:00.000Z"}',
        (
            line("$FUNCTION: Scheduled Event"),
            line("stream true", "WARN"),
            line(rf"\[ '{RULE}' \]", "DEBUG"),
        ),
    ),
    Case(
        "an event of another kind is a TypeError after what was logged before",
        BLANK,
        load("sqs"),
        Failure(
            "TypeError", r"Cannot read properties of undefined \(reading 'slice'\)", "index.js"
        ),
        (
            line("$FUNCTION: undefined"),
            line("stream true", "WARN"),
            line("undefined", "DEBUG"),
            error("TypeError", r"Cannot read properties of undefined \(reading 'slice'\)"),
        ),
    ),
    Case(
        "SQS: an ES module with await at its top, a vendored library, all records at once",
        RECORDS,
        load("sqs"),
        '{"batchItemFailures":[]}',
        (line(f"{SECOND} is {COFFEE}"), line(f"{FIRST} is {ROLL}")),
    ),
    Case(
        "SQS: a partial batch response",
        RECORDS,
        load("sqs-poison"),
        f'{{"batchItemFailures":[{{"itemIdentifier":"{SECOND}"}}]}}',
        (line(f"{FIRST} is {ROLL}"),),
    ),
    Case(
        "Promise.all answers in the order of the records",
        STRICT,
        load("sqs"),
        '["Brötchen: 4","Kaffee: 1"]',
        (line(f"{SECOND} is {COFFEE}"), line(f"{FIRST} is {ROLL}")),
    ),
    Case(
        "Promise.all fails with the first record that does, an error of the function's own",
        STRICT,
        load("sqs-poison"),
        Failure("InvalidCount", f"no count in {SECOND}", "index.mjs"),
        # Whether the first record, which takes longer, is still logged is a race, as on AWS.
        (error("InvalidCount", f"no count in {SECOND}") + rf"(?:\n{line(f'{FIRST} is {ROLL}')})?",),
    ),
    Case(
        'API Gateway 1.0: "type": "module", a handler in a directory, a file in /tmp',
        API,
        load("api-v1"),
        '{"statusCode":201,"headers":{"content-type":"application/json"},"cookies":["seen=yes"],'
        r'"body":"{\"count\":42}","isBase64Encoded":false}',
        (line("POST /orders"),),
    ),
    Case(
        "API Gateway 2.0: a body in base64",
        API,
        load("http-v2"),
        '{"statusCode":201,"headers":{"content-type":"application/json"},"cookies":["seen=yes"],'
        r'"body":"{\"count\":42}","isBase64Encoded":false}',
        (line("POST /orders"),),
    ),
    Case(
        "an answer that is no HTTP response is handed on as it is",
        API,
        load("http-v2", rawPath="/price"),
        '{"price":19.9,"für":"Ümit"}',
        (line("POST /price"),),
    ),
    Case(
        "an answer that is no JSON",
        API,
        load("http-v2", rawPath="/count"),
        Failure("Error", ".*Unable to stringify response body", "Unable to stringify"),
        (line("POST /count"), error("Error", ".*Unable to stringify response body")),
    ),
)
