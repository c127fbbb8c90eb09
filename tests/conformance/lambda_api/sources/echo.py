import os
import sys

COUNT = 0


def handler(event, context):
    global COUNT
    COUNT += 1
    asked = event.get("asked") if isinstance(event, dict) else None
    if asked == "context":
        return describe(context)
    if asked == "count":
        return COUNT
    if asked == "length":
        return "z" * event["length"]
    if asked == "print":
        for number in range(event["lines"]):
            print(f"line {number}")
        sys.stdout.flush()
    return {"event": event, "type": type(event).__name__}


def describe(context):
    first = context.get_remaining_time_in_millis()
    second = first
    while second >= first:
        second = context.get_remaining_time_in_millis()
    client = context.client_context
    return {
        "memory": context.memory_limit_in_mb,
        "version": context.function_version,
        "variable": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "request": context.aws_request_id,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "remaining": first,
        "later": second,
        "client": client and {"custom": client.custom, "env": client.env},
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }
