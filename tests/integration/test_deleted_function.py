"""A function is deleted while it runs: real gateway, real agent, real awslambdaric."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration.conftest import Installation
from kubelambda.core.model.function import FunctionRef

REF = FunctionRef("default", "slow")
SLOW = """
import os, time

def handler(event, context):
    open(event["begun"], "w").close()
    while not os.path.exists(event["go"]):
        time.sleep(0.01)
    return WORD
"""


class Run:
    """One invocation that begins and ends when the test says so."""

    def __init__(self, installation: Installation, directory: Path, name: str) -> None:
        self._begun, self._go = directory / f"{name}-begun", directory / f"{name}-go"
        event = {"begun": str(self._begun), "go": str(self._go)}
        self._answer = asyncio.create_task(installation.invoke("slow", event))

    async def begun(self) -> None:
        await wait_for(self._begun.exists)

    async def finish(self) -> dict[str, Any]:
        self._go.touch()
        return await self._answer


async def wait_for(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not probe():
            await asyncio.sleep(0.01)


def put(installation: Installation, word: str, uid: str = "first") -> None:
    source = SLOW.replace("WORD", repr(word))
    installation.put("slow", source, timeout_s=60, uid=uid, reserved_concurrency=1)


async def test_what_runs_is_answered_and_what_comes_is_refused(
    installation: Installation, tmp_path: Path
) -> None:
    """The pods of a deleted function get SIGTERM at once, from the garbage collector."""
    put(installation, "done")
    run = Run(installation, tmp_path, "run")
    await run.begun()
    installation.index.remove(REF)
    (environment,) = installation.environments._running.values()
    environment.process.send_signal(signal.SIGTERM)
    with pytest.raises(ClientError) as refused:
        await installation.invoke("slow", {})
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    answer = await run.finish()
    assert (answer["Payload"], answer.get("FunctionError")) == ("done", None)
    await wait_for(lambda: not installation.environments._running)


async def test_an_idle_environment_ends_with_its_function(
    installation: Installation, tmp_path: Path
) -> None:
    put(installation, "done")
    await Run(installation, tmp_path, "run").finish()
    installation.index.remove(REF)
    await wait_for(lambda: not installation.environments._running)


@pytest.mark.parametrize(
    ("word", "uid"), [("other", "second"), ("first", "second"), ("first", "first")]
)
async def test_a_function_of_the_same_name_is_served_while_the_former_one_still_runs(
    installation: Installation, tmp_path: Path, word: str, uid: str
) -> None:
    """Also one of the same code: its reservation of one is its own."""
    put(installation, "first")
    former = Run(installation, tmp_path, "former")
    await former.begun()
    installation.index.remove(REF)
    put(installation, word, uid)
    answer = await Run(installation, tmp_path, "later").finish()
    assert (answer["Payload"], answer.get("FunctionError")) == (word, None)
    answer = await former.finish()
    assert (answer["Payload"], answer.get("FunctionError")) == ("first", None)
    await wait_for(lambda: len(installation.environments._running) == 1)
