import logging
import os

LEVELS = ("debug", "info", "warning", "error", "critical")


def handler(event, context):
    for level in LEVELS:
        getattr(logging.getLogger("app"), level)("said with %s", level)
    print("printed")
    if event.get("fails"):
        raise ValueError("no")
    wanted = ("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_GROUP_NAME")
    seen = {name: os.environ.get(name) for name in wanted}
    return seen | {"group": context.log_group_name, "stream": context.log_stream_name}
