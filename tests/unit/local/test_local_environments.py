"""Local mode has as many environments as the demand asks for, whatever becomes of each."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.demand import DemandReport, EnvironmentReport, FunctionDemand
from kubelambda.local.environments.local_environments import LocalEnvironments
from kubelambda.local.environments.start_pauses import StartPauses
from kubelambda.local.machine import Machine, find_machine
from unit.functions import make_function

REF = FunctionRef("default", "hello")
FUNCTION = make_function(
    ref=REF,
    runtime="provided.al2023",
    handler="bootstrap",
    code=InlineFiles({"bootstrap": "x"}),
)
STAYS = "#!/bin/sh\necho $KUBELAMBDA_POD >> {log}\nexec /bin/sleep 60\n"
LONG_S = 600.0
"""No pause ends by itself, however slow the machine is."""
ENDS = "#!/bin/sh\necho $KUBELAMBDA_POD >> {log}\nexit 1\n"


class Harness:
    """Environments whose agents are programs of the test."""

    def __init__(self, directory: Path, machine: Machine) -> None:
        self._directory = directory
        self.log = directory / "log"
        self.index = FunctionIndex()
        self.index.put(FUNCTION)
        self.environments = LocalEnvironments(
            index=self.index,
            machine=machine,
            agent=directory / "absent",
            state=directory,
            master_secret=b"m" * 32,
            inherited={},
            pauses=StartPauses(LONG_S, LONG_S),
        )

    def use(self, program: str) -> None:
        path = self._directory / "agent"
        path.write_text(program.format(log=self.log))
        path.chmod(0o755)
        self.environments.agent = path

    async def demand(self, waiting: int, **states: str) -> None:
        """What a gateway says: how many wait, and its environments by pod."""
        reports = tuple(
            EnvironmentReport(pod.replace("_", "-"), "local", FUNCTION.config_digest, state, 0.0)
            for pod, state in states.items()
        )
        demand = FunctionDemand("default", "hello", "u", waiting, reports)
        await self.environments.report(DemandReport("g", 1, (demand,)))

    def started(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    one = Harness(tmp_path, find_machine())
    yield one
    await one.environments.close()


async def wait_for(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not probe():
            await asyncio.sleep(0.01)


async def test_as_many_are_started_as_wait(harness: Harness) -> None:
    harness.use(STAYS)
    await harness.demand(2)
    await harness.demand(2)
    await wait_for(lambda: len(harness.started()) == 2)
    await harness.demand(1, hello_1="busy", hello_2="busy")
    await wait_for(lambda: len(harness.started()) == 3)


async def test_no_more_are_started_than_the_function_may_have_at_once(harness: Harness) -> None:
    """A request that waits beside the busy environment waits for that one: another would be idle.

    A new owner of the function does not know the running environment before it has dialled in.
    """
    harness.index.put(replace(FUNCTION, reserved_concurrency=1))
    harness.use(STAYS)
    await harness.demand(2)
    await wait_for(lambda: len(harness.started()) == 1)
    await harness.demand(1, hello_1="busy")
    assert len(harness.environments._running) == 1


async def test_what_is_left_of_a_deleted_function_does_not_count_for_its_successor(
    harness: Harness,
) -> None:
    harness.use(STAYS)
    await harness.demand(1)
    harness.index.remove(REF)
    harness.index.put(FUNCTION)
    await harness.demand(1)
    await wait_for(lambda: harness.started() == ["hello-1", "hello-2"])


async def test_what_ends_at_once_is_not_started_at_once_again(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.use(ENDS)
    await harness.demand(1)
    await wait_for(lambda: not harness.environments._running)
    await wait_for(lambda: "ended with 1" in caplog.text)
    await harness.demand(1)
    assert harness.started() == ["hello-1"]
    harness.environments.pauses.note_success(REF)
    await harness.demand(1)
    await wait_for(lambda: len(harness.started()) == 2)


async def test_what_cannot_be_started_is_said_and_no_reason_to_end(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    """The demand of other functions is met, and that of this one with the next report."""
    await harness.demand(1)
    assert "cannot be started" in caplog.text
    assert list((harness.environments.state / "environments").iterdir()) == []
    harness.use(STAYS)
    harness.environments.pauses.note_success(REF)
    await harness.demand(1)
    await wait_for(lambda: len(harness.started()) == 1)
    await harness.demand(0, **{f"hello_{harness.started()[0][-1]}": "idle"})
    assert harness.environments.pauses.may_start(REF, 0.0)
