"""Whoever wakes after a standstill judges nobody before what had arrived is read."""

import asyncio
import time
from contextlib import ExitStack

import pytest
import uvloop

from kubelambda.process.standstill import STOOD_STILL_S, sleep_and_read
from unit.jumping_loop import on_jumping_loop
from unit.socket_pair import SocketPair


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
def test_what_arrived_while_the_process_stood_still_is_read_before_it_goes_on(run: object) -> None:
    async def wake() -> list[str]:
        seen: list[str] = []
        with ExitStack() as stack:
            client, other = SocketPair(stack), SocketPair(stack)

            def stand_still() -> None:
                other.ours.recv(1)
                client.theirs.send(b"the rest of a body")
                time.sleep(STOOD_STILL_S + 0.3)

            client.on_readable(lambda: seen.append("read"))
            other.on_readable(stand_still)
            other.theirs.send(b"something")
            await sleep_and_read(0.1)
            seen.append("awake")
        return seen

    assert run(wake()) == ["read", "awake"]  # type: ignore[operator]


@on_jumping_loop
async def test_as_a_rule_it_sleeps_no_longer_than_it_was_told() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await sleep_and_read(1.0)
    assert loop.time() == began + 1.0
