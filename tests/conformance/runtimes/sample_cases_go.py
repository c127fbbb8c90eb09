"""Go: typed events and answers of aws-lambda-go, init, the context, errors and a panic."""

from conformance.runtimes.sample_cases import Case, Failure, Sample, load


def sample(command: str) -> Sample:
    return Sample("go", "bootstrap", "provided.al2023", package=command)


QUEUE, API, STORAGE, SCHEDULE = map(sample, ("queue", "api", "storage", "schedule"))
FIRST, SECOND = (f"6b5f1a52-0c57-4d0e-9e0b-6f2a4f4f0a0{number}" for number in (1, 2))
STAMP = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"
BEGIN = ("queue: request $REQUEST of $ARN", "256 MB, /aws/lambda/$FUNCTION")
ROLL = "queue: Brötchen x4, priority high, digest 000102ff"

CASES = (
    Case(
        "SQS: message attributes, init, what lambdacontext knows",
        QUEUE,
        load("sqs"),
        '{"batchItemFailures":null}',
        (*BEGIN, ROLL, "queue: Kaffee x1, priority none, digest "),
    ),
    Case(
        "SQS: a partial batch response",
        QUEUE,
        load("sqs-poison"),
        f'{{"batchItemFailures":[{{"itemIdentifier":"{SECOND}"}}]}}',
        (*BEGIN, ROLL, f"queue: {SECOND}: order of Tee: no count"),
    ),
    Case(
        "an error is named by its type, also behind a pointer",
        QUEUE,
        {},
        Failure("EmptyBatch", "nothing for $FUNCTION"),
        (r'queue: {"errorMessage":"nothing for $FUNCTION","errorType":"EmptyBatch"}',),
    ),
    Case(
        "an event of another shape",
        QUEUE,
        load("sqs", Records="none"),
        Failure(
            "UnmarshalTypeError",
            r"json: cannot unmarshal string into Go struct field SQSEvent\.Records of type "
            r"\[\]events\.SQSMessage",
        ),
        ('queue: {"errorMessage":"json: cannot unmarshal string .*"}',),
    ),
    Case(
        "API Gateway 1.0: typed on both sides, the authorizer's context",
        API,
        load("api-v1"),
        '{"statusCode":201,"headers":{"Content-Type":"application/json"},'
        r'"multiValueHeaders":{"X-Name":["you","Zoë"]},"body":"{\"count\":42}"}',
        ("POST /orders gold",),
    ),
    Case(
        "a wrapped error",
        API,
        load("api-v1", body="{"),
        Failure("wrapError", "body: unexpected end of JSON input"),
        ("POST /orders gold", f"{STAMP} {{.*wrapError.*}}"),
    ),
    Case(
        "a panic has a stack and ends the process",
        API,
        load("api-v1", path="/panic"),
        Failure(
            "errorString",
            "runtime error: invalid memory address or nil pointer dereference",
            "api/main.go",
        ),
        None,
    ),
    Case(
        "S3: a key as it was, a time of three digits, an image in /tmp",
        STORAGE,
        load("s3"),
        '[{"key":"summer 2026/möwe+1.jpg","made":"2026-01-02T04:04:05.678Z",'
        '"width":16,"height":8}]',
    ),
    Case(
        "S3: a time that is none",
        STORAGE,
        load("s3", Records=[{"eventTime": "yesterday"}]),
        Failure("ParseError", 'parsing time "yesterday" as .*'),
        (f"{STAMP} {{.*ParseError.*}}",),
    ),
    Case(
        "a scheduled event: structured logs, no answer",
        SCHEDULE,
        load("scheduled"),
        "null",
        (
            '{"level":"INFO","msg":"report","for":"2026-03-01",'
            '"rule":"arn:aws:events:us-east-1:123456789012:rule/nightly","request":"$REQUEST"}',
        ),
    ),
)
