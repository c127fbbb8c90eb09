"""Shape: root logger, a client of boto3 made at import, a library that the package brings along."""

import json
import logging
import os

import boto3
import jsonpickle

logger = logging.getLogger()
logger.setLevel(logging.INFO)

queue = boto3.client("sqs")


class Order:
    def __init__(self, item, count):
        self.item = item
        self.count = count


def lambda_handler(event, context):
    logger.debug("below the level of the root logger")
    logger.info("function %s of %s MB", context.function_name, context.memory_limit_in_mb)
    logger.info("invoked as %s", context.invoked_function_arn)
    logger.info("logs to %s", context.log_group_name)
    if context.log_stream_name != os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]:
        raise RuntimeError("two names of one log stream")
    if not 0 < context.get_remaining_time_in_millis() <= 20_000:
        raise RuntimeError("the deadline is not that of the timeout")
    orders = [read_order(record) for record in event["Records"]]
    return {
        "request": context.aws_request_id,
        "region": queue.meta.region_name,
        "queue": event["Records"][0]["eventSourceARN"].split(":")[-1],
        "receives": sum(int(r["attributes"]["ApproximateReceiveCount"]) for r in event["Records"]),
        "orders": [json.loads(jsonpickle.encode(order)) for order in orders],
    }


def read_order(record):
    body = json.loads(record["body"])
    logger.warning("message %s: %s", record["messageId"], body["item"])
    return Order(body["item"], body["count"])
