"""Asynchronous invocation on the cluster: accepted when durable, run by the dispatcher."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from e2e.functions import Functions, build_function
from e2e.release import Release


@pytest.mark.timeout(300)
def test_an_event_is_accepted_and_run_under_its_request_id(
    functions: Functions, wait_until: Callable[..., Any]
) -> None:
    arn = functions.apply(build_function("record"))
    answer = functions.client.invoke(
        FunctionName=arn, InvocationType="Event", Payload=json.dumps({"n": 1}).encode()
    )
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    assert "ExecutedVersion" not in answer
    wanted = [answer["ResponseMetadata"]["RequestId"]]
    wait_until(lambda: functions.runs("record") == wanted, "the event is run", timeout_s=30)


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_events_survive_a_kill_of_dispatcher_and_queue(
    functions: Functions, release: Release, wait_until: Callable[..., Any]
) -> None:
    """P2: what was accepted is run, whatever is killed between."""
    arn = functions.apply(build_function("record"))
    release.scale("dispatcher", 0)
    accepted = {
        functions.client.invoke(FunctionName=arn, InvocationType="Event", Payload=b"{}")[
            "ResponseMetadata"
        ]["RequestId"]
        for _ in range(20)
    }
    (nats,) = release.names("nats")
    release.run("exec", nats, "--", "/nats-server", "--signal", "quit=1")

    def restarted() -> bool:
        (pod,) = release.pods("nats")
        status = pod["status"]["containerStatuses"][0]
        return bool(status["restartCount"] and status["ready"])

    wait_until(restarted, "NATS is back", timeout_s=60)
    release.scale("dispatcher", 2)
    wait_until(
        lambda: accepted <= set(functions.runs("record")), "every event is run", timeout_s=60
    )
