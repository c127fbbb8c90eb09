"""Python: vendored libraries, boto3 at import, the root logger, what becomes of answers."""

from conformance.runtimes.sample_cases import Case, Failure, Sample, load

BLANK = Sample("python/blank", "lambda_function.lambda_handler", "python3.13")
API = Sample("python/api", "handlers/proxy.lambda_handler", "python3.13")
DOTTED = Sample("python/api", "handlers.proxy.lambda_handler", "python3.13")
THUMBNAIL = Sample("python/thumbnail", "lambda_function.lambda_handler", "python3.13")


def info(message: str, level: str = "INFO") -> str:
    """A line of the root logger, as AWS's client formats it (spec 1.9)."""
    return rf"\[{level}\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t$REQUEST\t{message}"


FIRST, SECOND = (f"6b5f1a52-0c57-4d0e-9e0b-6f2a4f4f0a0{number}" for number in (1, 2))
BEGIN = (
    info("function $FUNCTION of 256 MB"),
    info("invoked as $ARN"),
    info("logs to /aws/lambda/$FUNCTION"),
)
STACK = (
    r"Traceback \(most recent call last\):",
    "(\xa0\xa0File [^\n]*, line \\d+, in [^\n]*\n(\xa0{4}[^\n]*\n?)+)+",
)
"""Blanks at the beginning of a line are U+00A0 in the log (spec 1.9)."""

CASES = (
    Case(
        "SQS: a client made at import, a vendored library, the root logger, the context",
        BLANK,
        load("sqs"),
        '{"request": "$REQUEST", "region": "us-east-1", "queue": "orders", "receives": 4, '
        '"orders": [{"py/object": "lambda_function.Order", "item": "Brötchen", "count": 4}, '
        '{"py/object": "lambda_function.Order", "item": "Kaffee", "count": 1}]}',
        (
            *BEGIN,
            info(f"message {FIRST}: Brötchen", "WARNING"),
            info(f"message {SECOND}: Kaffee", "WARNING"),
        ),
    ),
    Case(
        "an event without records is a KeyError, its stack in the log",
        BLANK,
        load("scheduled"),
        Failure("KeyError", "'Records'", "lambda_function.py"),
        (*BEGIN, r"\[ERROR\] KeyError: 'Records'", *STACK),
    ),
    Case(
        "API Gateway 1.0: a package with an import of its own, JSON as Python writes it",
        API,
        load("api-v1"),
        '{"statusCode": 200, "headers": {"Content-Type": "application/json", '
        '"X-Request": "$REQUEST"}, '
        r'"body": "{\"hello\": [\"you\", \"Zo\\u00eb\"], \"stage\": \"prod\"}", '
        '"isBase64Encoded": false}',
        (info("POST /orders"),),
    ),
    Case(
        "API Gateway 2.0: a body in base64",
        DOTTED,
        load("http-v2"),
        '{"statusCode": 201, "headers": {"Content-Type": "application/json"}, '
        r'"body": "{\"count\": 42}", "isBase64Encoded": false}',
        (info("POST /orders"),),
    ),
    Case(
        "a Decimal is a number with its digits, text is UTF-8",
        API,
        load("http-v2", rawPath="/price"),
        '{"price": 19.90, "für": "Ümit"}',
        (info("POST /price"),),
    ),
    Case(
        "an answer that is no JSON",
        API,
        load("http-v2", rawPath="/now"),
        Failure(
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type datetime is not JSON serializable",
        ),
        (
            info("POST /now"),
            r"\[ERROR\] Runtime\.MarshalError: Unable to marshal response: .* serializable",
            STACK[0],
        ),
    ),
    Case(
        "an error of the function's own, from a module of its package",
        API,
        load("http-v2", rawPath="/none"),
        Failure("NotFoundError", "no /none", "handlers/proxy.py"),
        (info("POST /none"), r"\[ERROR\] NotFoundError: no /none", *STACK),
    ),
    Case(
        "S3: a file of the package, one in /tmp, a URL signed with the environment's credentials",
        THUMBNAIL,
        load("s3"),
        '[{"key": "summer 2026/möwe+1.jpg", "size": "4x2", '
        '"signedFor": ["us-east-1", "s3", "aws4_request"], "ownToken": true}]',
    ),
)
