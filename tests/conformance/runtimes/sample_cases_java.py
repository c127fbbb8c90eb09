"""Java: AWS's event types, Joda's times, Gson, records, streams, both ways of packing."""

from conformance.runtimes.sample_cases import Case, Failure, Sample, load

JAR, ZIP = "samples.jar", "zip"


def sample(handler: str, package: str = JAR) -> Sample:
    return Sample("java", f"example.{handler}", "java21", package=package, memory_mb=512)


FIRST, SECOND = (f"6b5f1a52-0c57-4d0e-9e0b-6f2a4f4f0a0{number}" for number in (1, 2))
QUEUE_LOG = (
    "function $FUNCTION, 512 MB",
    f"{FIRST} from arn:aws:sqs:us-east-1:123456789012:orders, "
    "received 1, priority high, digest of 4 bytes",
)
STORED = (
    '{"Records":[{"s3":{"bucket":{"name":"photos","arn":"arn:aws:s3:::photos",'
    '"ownerIdentity":{"principalId":"A3I5XTEXAMAI3E"}},"s3SchemaVersion":"1.0",'
    '"configurationId":"thumbnails","object":{"versionId":"","size":1305107,'
    '"eTag":"b21b84d653bb07b05b1e6b33684dc11b","urlDecodedKey":"summer 2026/möwe+1.jpg",'
    '"key":"summer+2026/m%C3%B6we%2B1.jpg","sequencer":"0C0F6F405D6ED209E1"}},'
    '"awsRegion":"us-east-1","eventVersion":"2.1","responseElements":'
    '{"x-amz-request-id":"D82B88E5F771F645","x-amz-id-2":'
    '"vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo="},'
    '"eventSource":"aws:s3","eventTime":"2026-01-02T03:04:05.678Z",'
    '"requestParameters":{"sourceIPAddress":"192.0.2.17"},"eventName":"ObjectCreated:Put",'
    '"userIdentity":{"principalId":"AWS:AIDAEXAMPLEUPLOADER"}}]}'
)
DELETED = (
    STORED.replace("ObjectCreated:Put", "ObjectRemoved:Delete")
    .replace('"size":1305107,"eTag":"b21b84d653bb07b05b1e6b33684dc11b"', '"size":0,"eTag":""')
    .replace("summer 2026/möwe+1.jpg", "old.jpg")
    .replace("summer+2026/m%C3%B6we%2B1.jpg", "old.jpg")
    .replace("0C0F6F405D6ED209E1", "0C0F6F405D6ED209E2")
    .replace("D82B88E5F771F645", "D82B88E5F771F646")
    .replace("03:04:05.678Z", "03:04:06.000Z")
)
"""An object that is gone has neither size nor eTag; AWS's client makes them 0 and empty."""
NO_JSON = Failure("java.lang.RuntimeException", "An error occurred during JSON parsing")
"""What AWS's client says where the event does not fit the handler's type; no line of a stack."""

CASES = (
    *(
        Case(
            f"SQS: message attributes, Gson, the context's logger; from {package}",
            sample("QueueHandler", package),
            load("sqs"),
            '"Brötchen, Kaffee"',
            (
                *QUEUE_LOG,
                f"{SECOND} from arn:aws:sqs:us-east-1:123456789012:orders, "
                "received 3, priority none, digest of 0 bytes",
            ),
        )
        for package in (JAR, ZIP)
    ),
    Case(
        "an error of the function, its causes in the log",
        sample("QueueHandler"),
        load("sqs-poison"),
        Failure(
            "java.lang.IllegalArgumentException", f"message {SECOND}", "example.QueueHandler.handle"
        ),
        (
            *QUEUE_LOG,
            f"message {SECOND}: java.lang.IllegalArgumentException",
            f"java.lang.IllegalArgumentException: message {SECOND}",
            r"(\tat example\.QueueHandler\..*\n?)+",
            r"Caused by: java\.lang\.ArithmeticException: no count",
            r"\t\.\.\. \d more",
            "",
        ),
    ),
    Case("an event of another shape", sample("QueueHandler"), "text", NO_JSON, None),
    Case(
        "SQS: a partial batch response",
        sample("BatchHandler"),
        load("sqs-poison"),
        f'{{"batchItemFailures":[{{"itemIdentifier":"{SECOND}"}}]}}',
    ),
    Case(
        "SQS: a batch that is done, from a zip with lib/*.jar",
        sample("BatchHandler::handleRequest", ZIP),
        load("sqs"),
        '{"batchItemFailures":[]}',
    ),
    Case(
        "a record of the function's own, what it does not know left out",
        sample("ReadingHandler::handleRequest"),
        {"station": "Zürich", "temperature": -3, "rain": [1, 2.5], "more": {"a": []}},
        "-2",
        (r"Zürich: 3\.5 mm",),
    ),
    Case(
        "a number in a string is one, and a fraction is cut",
        sample("ReadingHandler"),
        {"station": "here", "temperature": "12", "rain": ["0.5"]},
        "13",
        (r"here: 0\.5 mm",),
    ),
    Case("text is no number", sample("ReadingHandler"), {"temperature": "warm"}, NO_JSON, None),
    Case(
        "a map in, nothing out; records of the logger are lines of their own",
        sample("MapHandler"),
        {"b": "1", "a": "ü"},
        "null",
        (
            "EVENT: {",
            '  "b": "1",',
            '  "a": "ü"',
            "}",
            r"EVENT TYPE: class java\.util\.LinkedHashMap",
            "KIND: AWS_Lambda_java21",
        ),
    ),
    Case("a list without an interface", sample("NumbersHandler::sum"), [1, 2, 39], "42"),
    Case(
        "a static method with the context, a record out without what is null",
        sample("NumbersHandler::warmest"),
        {"temperature": 3},
        '{"station":"$REQUEST","temperature":3}',
    ),
    Case("a stream is handed on to the byte", sample("StreamHandler"), "übung", "  gnubü\n"),
    Case(
        "an error of a library, from a stream's handler",
        sample("StreamHandler", ZIP),
        None,
        Failure("com.google.gson.JsonSyntaxException", "nothing to reverse", "StreamHandler"),
        None,
    ),
    *(
        Case(
            f"S3: a key as it was, Joda's time, an image of the JDK's; from {package}",
            sample("StorageHandler", package),
            load("s3"),
            '[{"hour":"2026-01-03T01:04:05.678Z","key":"summer 2026/möwe+1.jpg","known":true,'
            '"size":"16x8"}]',
        )
        for package in (JAR, ZIP)
    ),
    Case(
        "S3: a time that is none",
        sample("StorageHandler"),
        load("s3", Records=[{"eventTime": "yesterday"}]),
        NO_JSON,
        None,
    ),
    Case("S3: the event out, as AWS's client writes it", sample("StorageEcho"), load("s3"), STORED),
    Case(
        "S3: an object that is gone, in and out",
        sample("StorageEcho", ZIP),
        load("s3-deleted"),
        DELETED,
    ),
    Case(
        "a scheduled event in and out, an hour later by Joda, with three digits",
        sample("ScheduleHandler", ZIP),
        load("scheduled"),
        '{"version":"0","account":"123456789012","region":"us-east-1","detail":{},'
        '"source":"aws.events","id":"cdc73f9d-aea9-11e3-9d5a-835b769c0d9c",'
        '"time":"2026-03-01T00:30:00.000Z",'
        '"resources":["arn:aws:events:us-east-1:123456789012:rule/nightly"],'
        '"detail-type":"Scheduled Event"}',
    ),
    Case(
        "API Gateway 1.0: the authorizer's context, an answer without what is null",
        sample("ApiHandler", ZIP),
        load("api-v1"),
        r'{"statusCode":200,"headers":{"X-Tier":"gold"},"body":"{\"names\":[\"you\",\"Zoë\"]}"}',
    ),
    Case(
        "API Gateway 2.0: claims, cookies, a body in base64, the builder's answer",
        sample("HttpHandler"),
        load("http-v2"),
        '{"statusCode":201,"headers":{"content-type":"application/json"},"cookies":["theme=dark"],'
        r'"body":"{\"count\":42,\"by\":\"user|42\"}","isBase64Encoded":false}',
    ),
    Case(
        "an error of an inner class",
        sample("HttpHandler"),
        load("http-v2", rawPath="/none"),
        Failure("example.HttpHandler$NotFoundException", "no /none", "example.HttpHandler"),
        None,
    ),
)
