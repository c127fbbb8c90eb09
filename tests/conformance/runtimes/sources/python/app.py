import os
import time

COUNT = 0


class Refused(Exception):
    pass


def handler(event, context):
    global COUNT
    COUNT += 1
    return globals()[f"answer_{event['ask']}"](event, context)


def answer_echo(event, context):
    return event["value"]


def answer_environment(event, context):
    return {name: os.environ.get(name) for name in event["names"]}


def answer_context(event, context):
    remaining = context.get_remaining_time_in_millis()
    time.sleep(0.02)
    return {
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "request": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "remaining": remaining,
        "later": context.get_remaining_time_in_millis(),
    }


def answer_client(event, context):
    return context.client_context and context.client_context.custom


def answer_raise(event, context):
    raise Refused("no")


def answer_exit(event, context):
    os._exit(3)


def answer_sleep(event, context):
    time.sleep(event["seconds"])


def answer_text(event, context):
    return "z" * event["length"]


def answer_measure(event, context):
    return len(event["text"])


def answer_log(event, context):
    print("line one")
    print("line two")


def answer_print(event, context):
    print(event["text"])


def answer_count(event, context):
    return COUNT
