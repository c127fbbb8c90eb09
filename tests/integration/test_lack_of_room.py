"""Environments that are there serve while no further one can be had: real gateway, real agents."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration.conftest import Installation, MakeInstallation
from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.model.function import Stall

WORDS = "exceeded quota: pods, requested: count/pods=1, used: count/pods=3"
NO_ROOM: dict[str, Any] = {
    "stalled_reason": "QuotaExceeded",
    "stalled_message": WORDS,
    "stall": Stall.NO_ROOM,
}
MEET = """
import os, time

def handler(event, context):
    directory, wanted = event
    open(f"{directory}/{context.aws_request_id}", "w").close()
    while len(os.listdir(directory)) < wanted:
        time.sleep(0.01)
    return os.getpid()
"""


class Events:
    """A queue that takes everything."""

    def __init__(self) -> None:
        self.taken: list[QueuedEvent] = []

    async def publish(self, event: QueuedEvent) -> None:
        self.taken.append(event)


def deny_room(installation: Installation, directory: Path) -> None:
    """What is started from now on is there and never dials, as a pod that stays Pending."""
    program = directory / "pending"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    installation.environments.agent = program


async def test_ten_requests_are_served_by_three_environments(
    installation: Installation, tmp_path: Path
) -> None:
    """A ResourceQuota of three pods."""
    installation.put("meet", MEET, timeout_s=60)
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    event = [str(meeting), 3]
    answers = await asyncio.gather(*(installation.invoke("meet", event) for _ in range(3)))
    environments = {answer["Payload"] for answer in answers}
    assert len(environments) == 3
    deny_room(installation, tmp_path)
    installation.put("meet", MEET, timeout_s=60, **NO_ROOM)
    answers = await asyncio.gather(*(installation.invoke("meet", event) for _ in range(10)))
    assert {answer["Payload"] for answer in answers} == environments


async def test_without_any_environment_a_request_waits_and_is_told_why(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    installation = await make_installation(start_wait_s=0.1)
    deny_room(installation, tmp_path)
    installation.put("meet", MEET, **NO_ROOM)
    with pytest.raises(ClientError) as refused:
        await installation.invoke("meet", 1)
    response = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "5"
    assert WORDS in response["Error"]["Message"]


@pytest.mark.parametrize("stall", [Stall.NO_ROOM, Stall.CANNOT_START])
async def test_an_asynchronous_event_is_accepted_as_long_as_the_queue_takes_it(
    make_installation: MakeInstallation, stall: Stall
) -> None:
    events = Events()
    installation = await make_installation(events=events)
    installation.put("meet", MEET, **{**NO_ROOM, "stall": stall})
    answer = await installation.invoke("meet", {}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert len(events.taken) == 1


async def test_an_asynchronous_event_of_a_function_that_cannot_run_is_refused(
    make_installation: MakeInstallation,
) -> None:
    """As on AWS in state Failed: whoever sends it can be told, a dead letter later tells nobody."""
    events = Events()
    installation = await make_installation(events=events)
    installation.put("meet", MEET, stalled_reason="RuntimeNotFound", stalled_message="no runtime")
    with pytest.raises(ClientError) as refused:
        await installation.invoke("meet", {}, InvocationType="Event")
    assert refused.value.response["Error"]["Code"] == "ResourceNotReadyException"
    assert events.taken == []
