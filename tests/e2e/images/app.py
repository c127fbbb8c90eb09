"""Handlers of the image in AWS's layout."""

import os
import sys


def handler(event, context):
    return {
        "event": event,
        "handler": os.environ["_HANDLER"],
        "execution": os.environ["AWS_EXECUTION_ENV"],
        "taskRoot": os.environ["LAMBDA_TASK_ROOT"],
        "cwd": os.getcwd(),
        "python": sys.executable,
        "memory": context.memory_limit_in_mb,
    }


def other(event, context):
    return {"other": os.environ["_HANDLER"], "cwd": os.getcwd()}
