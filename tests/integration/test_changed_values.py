"""A value of a Secret changes under load: agent, gateway, and a kubelet of the test's own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from integration.conftest import Installation
from kubelambda.local.environments.agent_binary import find_agent

SOURCE = """
import os
import time

def handler(event, context):
    time.sleep(0.01)
    return os.environ["WORD"]
"""
KUBELET = """#!/bin/sh
export KUBELAMBDA_VALUE_WORD="$(cat {mount}/WORD)"
export KUBELAMBDA_VALUES_MOUNT={mount} KUBELAMBDA_VALUES_POLL_MS=20
exec {agent}
"""
CALLERS = 3


class Secret:
    """Mounted where the agent looks, and a variable of each container that starts."""

    def __init__(self, directory: Path) -> None:
        self.mount = directory / "values"
        self.mount.mkdir()
        self.program = directory / "kubelet"
        self.program.write_text(KUBELET.format(mount=self.mount, agent=find_agent()))
        self.program.chmod(0o755)

    def put(self, word: str) -> None:
        part = self.mount / "..part"
        part.write_text(word)
        part.rename(self.mount / "WORD")


async def test_no_request_fails_while_a_value_changes(
    make_installation: Callable[..., Awaitable[Installation]], tmp_path: Path
) -> None:
    """Each change is seen; between the old and the new value nothing is answered."""
    secret = Secret(tmp_path)
    secret.put("word-0")
    installation = await make_installation()
    installation.environments.agent = secret.program
    installation.put("word", SOURCE)
    seen: list[str] = []
    stop = asyncio.Event()

    async def call() -> None:
        while not stop.is_set():
            answer = await installation.invoke("word")
            assert "FunctionError" not in answer, answer
            seen.append(answer["Payload"])

    async with asyncio.timeout(120), asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(call())
        for number in range(4):
            word = f"word-{number}"
            secret.put(word)
            await wait_for_all(seen, word)
        stop.set()
    assert sorted(set(seen)) == ["word-0", "word-1", "word-2", "word-3"]


async def wait_for_all(seen: list[str], word: str) -> None:
    """Until the latest answers, several of each caller, are all the new word."""
    end = time.monotonic() + 30
    while (latest := seen[-4 * CALLERS :]) != [word] * 4 * CALLERS:
        assert time.monotonic() < end, f"{word} is not seen: {latest}"
        await asyncio.sleep(0.02)
