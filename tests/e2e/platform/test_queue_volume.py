"""F32: the queue loses its pod, in good order and by force, with a thousand events in it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from e2e.conftest import make_lambda_client
from e2e.functions import Functions, build_function
from e2e.release import Release

pytestmark = pytest.mark.alone

EVENTS = 1000
CLIENTS = 8


@pytest.mark.timeout(500)
def test_f32_nothing_accepted_is_lost_with_the_pod_of_the_queue(
    functions: Functions, gateway_url: str, release: Release, wait_until: Callable[..., Any]
) -> None:
    """With a volume: whatever was answered 202 is run, also what came while NATS was going."""
    arn = functions.apply(build_function("record", reservedConcurrentExecutions=4))
    functions.invoke(arn, {})
    synchronous = set(functions.runs("record"))
    release.scale("dispatcher", 0)
    accepted = send_events(gateway_url, arn, EVENTS)
    assert len(accepted) == EVENTS
    for force in (False, True):
        before = release.pods("nats")[0]["metadata"]["uid"]
        release.delete(*release.names("nats"), force=force)
        accepted |= send_events(gateway_url, arn, 40)
        wait_until(
            lambda before=before: all(
                pod["metadata"]["uid"] != before for pod in release.pods("nats")
            ),
            "the pod has gone",
        )
        release.wait_for("nats")
    release.scale("dispatcher", 2)
    wait_until(
        lambda: accepted <= set(functions.runs("record")), "every event is run", timeout_s=240
    )
    ran = [run for run in functions.runs("record") if run not in synchronous]
    assert accepted <= set(ran)


def send_events(gateway_url: str, arn: str, count: int) -> set[str]:
    """Request ids of those that were answered 202."""

    def send(number: int) -> list[str]:
        client = make_lambda_client(gateway_url)
        ids = []
        for _ in range(number):
            try:
                answer = client.invoke(FunctionName=arn, InvocationType="Event", Payload=b"{}")
            except (ClientError, HTTPClientError):
                continue
            assert answer["StatusCode"] == 202
            ids.append(answer["ResponseMetadata"]["RequestId"])
        client.close()
        return ids

    with ThreadPoolExecutor(CLIENTS) as pool:
        return {
            request_id for ids in pool.map(send, [count // CLIENTS] * CLIENTS) for request_id in ids
        }
