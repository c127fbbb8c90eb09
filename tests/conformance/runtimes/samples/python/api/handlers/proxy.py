"""Shape: a package with an import of its own, answers for API Gateway in both versions."""

import base64
import json
import logging
from datetime import UTC, datetime
from decimal import Decimal

from .responses import respond

logger = logging.getLogger(__name__)
logger.setLevel("INFO")


class NotFoundError(Exception):
    pass


def lambda_handler(event, context):
    if event.get("version") == "2.0":
        return handle_http(event)
    logger.info("%s %s", event["httpMethod"], event["path"])
    names = (event["multiValueQueryStringParameters"] or {}).get("name", ["nobody"])
    stage = event["requestContext"]["stage"]
    return respond(200, {"hello": names, "stage": stage}, **{"X-Request": context.aws_request_id})


def handle_http(event):
    method, path = event["requestContext"]["http"]["method"], event["rawPath"]
    logger.info("%s %s", method, path)
    if path == "/now":
        return {"now": datetime.now(UTC)}  # no JSON
    if path == "/price":
        return {"price": Decimal("19.90"), "für": "Ümit"}  # no statusCode
    if path != "/orders":
        raise NotFoundError(f"no {path}")
    body = event["body"]
    if event["isBase64Encoded"]:
        body = base64.b64decode(body).decode()
    return respond(201, {"count": json.loads(body)["count"] + 1})
