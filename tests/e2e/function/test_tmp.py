"""/tmp over ephemeralStorage.size on the cluster."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from e2e.functions import Functions, build_function

EVICTED_WITHIN_S = 150
SOURCE = """
import os
import time

def handler(event, context):
    if not event.get("megabytes"):
        return os.listdir("/tmp")
    with open("/tmp/big", "wb") as file:
        for _ in range(event["megabytes"]):
            file.write(bytes(1 << 20))
    time.sleep(event["seconds"])
    return "not evicted"
"""


@pytest.fixture
def patient_client(gateway_url: str) -> Any:
    """boto3 that waits for an eviction, which the kubelet takes its time for."""
    return boto3.client(
        "lambda",
        region_name="us-east-1",
        endpoint_url=gateway_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=EVICTED_WITHIN_S + 60),
    )


@pytest.mark.timeout(420)
def test_more_than_tmp_holds_is_a_function_error_and_the_next_call_works(
    functions: Functions, patient_client: Any, wait_until: Callable[..., Any]
) -> None:
    manifest = build_function(
        "filler",
        SOURCE,
        memorySize=128,
        timeout=EVICTED_WITHIN_S + 30,
        ephemeralStorage={"size": 512},
    )
    arn = functions.apply(manifest)
    assert functions.invoke(arn, {})[0] == []
    event = json.dumps({"megabytes": 600, "seconds": EVICTED_WITHIN_S}).encode()
    answer = patient_client.invoke(FunctionName=arn, Payload=event)
    payload = json.loads(answer["Payload"].read())
    assert answer.get("FunctionError") == "Unhandled", payload
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith("Runtime exited with error: signal: killed")

    assert functions.invoke(arn, {})[0] == [], "another environment, with a /tmp of its own"

    def phases() -> set[str]:
        return {pod["status"]["phase"] for pod in functions.pods("filler")}

    wait_until(lambda: phases() == {"Running"}, "the evicted pod is deleted", timeout_s=30)
