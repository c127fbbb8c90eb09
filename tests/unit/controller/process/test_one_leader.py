"""F4: whatever is stopped, frozen or unreachable, never do two processes lead at once.

Each process here is an elector with its renewals. It may be frozen and resumed at each of its
awaits, as SIGSTOP and SIGCONT do, or killed and started again; the API server may be away.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.controller.process.elector import Elector, LeadershipLostError
from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import UnavailableError
from kubelambda.kube.memory import MemoryApi
from kubelambda.kube.paths import Resource
from unit.controller.process.contest import TAKEOVER_S, Contest, settle

NAMES = ("a", "b", "c")
STEP_S = 0.25


class GatedApi(MemoryApi):
    """Another process's way to the API server of ``api``: closed while the process is frozen."""

    def __init__(self, api: MemoryApi, gate: "Gate") -> None:
        super().__init__()
        self._api = api
        self._gate = gate

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest:
        return await self._gate.pass_through(lambda: self._api.get(resource, namespace, name))

    async def create(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        return await self._gate.pass_through(
            lambda: self._api.create(resource, namespace, manifest, manager=manager)
        )

    async def replace(
        self, resource: Resource, namespace: str | None, manifest: Manifest
    ) -> Manifest:
        return await self._gate.pass_through(
            lambda: self._api.replace(resource, namespace, manifest)
        )


class Gate:
    """Where a process can be frozen: before each request is sent, and before its answer is read."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.opened.set()
        self.passed = 0
        self.freeze_at: int | None = None

    async def pass_through(self, work: Any) -> Any:
        await self.wait()
        try:
            return await work()
        finally:
            await self.wait()

    async def wait(self) -> None:
        self.passed += 1
        if self.passed == self.freeze_at:
            self.opened.clear()
        await self.opened.wait()


class Process:
    """One that leads, or waits for it, until it is killed; it starts again when it has lost."""

    def __init__(self, contest: Contest, name: str) -> None:
        self._contest = contest
        self._name = name
        self.gate = Gate()
        self.start()

    def start(self) -> None:
        clock = self._contest.clock

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            await self.gate.wait()

        self.gate.opened.set()
        self.elector: Elector = self._contest.enter(
            self._name,
            api=GatedApi(self._contest.api, self.gate),
            clock=replace(clock.as_clock(), sleep=sleep),
        )
        self.task = self._contest.start(self._live())

    def kill(self) -> None:
        self.task.cancel()

    async def _live(self) -> None:
        await self.elector.wait_for_leadership()
        try:
            await self.elector.keep_leadership()
        except LeadershipLostError:
            await self.elector.release()


class Contested(Contest):
    """Checks at each step who leads."""

    async def watch(self, processes: list[Process], seconds: float) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            await self.clock.advance(STEP_S)
            leading = [process for process in processes if process.elector.is_leading]
            assert len(leading) <= 1

    async def leads_in_time(self, processes: list[Process]) -> None:
        """With everybody back, somebody leads, and goes on to do so."""
        for process in processes:
            process.gate.opened.set()
        await settle()
        for process in processes:
            if process.task.done():
                process.start()
        await self.watch(processes, TAKEOVER_S)
        for process in processes:
            if process.task.done():
                process.start()
        await self.watch(processes, TAKEOVER_S)
        assert sum(process.elector.is_leading for process in processes) == 1


@pytest.fixture
async def contest() -> AsyncIterator[Contested]:
    contest = Contested()
    yield contest
    await contest.end()


@pytest.mark.parametrize("frozen_s", [0.5, 2.9, 3.5, 6.0])
@pytest.mark.parametrize("at", range(1, 14))
async def test_a_leader_that_is_frozen_anywhere_and_resumed_leads_beside_nobody(
    contest: Contested, at: int, frozen_s: float
) -> None:
    """At each of its awaits: before and after each request, and after each sleep."""
    first = Process(contest, "first")
    first.gate.freeze_at = at
    await settle()
    second = Process(contest, "second")
    await contest.watch([first, second], 5.0)
    assert first.gate.passed >= at, "it never came so far"
    await contest.watch([first, second], frozen_s)
    await contest.leads_in_time([first, second])


ACTIONS = st.one_of(
    st.tuples(st.just("freeze"), st.sampled_from(NAMES)),
    st.tuples(st.just("resume"), st.sampled_from(NAMES)),
    st.tuples(st.just("kill"), st.sampled_from(NAMES)),
    st.tuples(st.just("start"), st.sampled_from(NAMES)),
    st.tuples(st.just("away"), st.sampled_from(["get", "update"])),
    st.tuples(st.just("back"), st.just("")),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(ACTIONS, st.integers(0, 50)), max_size=12))
def test_any_history_has_one_leader_at_a_time_and_one_at_the_end(
    history: list[tuple[tuple[str, str], int]],
) -> None:
    async def run() -> None:
        contest = Contested()
        processes = {name: Process(contest, name) for name in NAMES}
        try:
            for (deed, about), tenths in history:
                act(contest, processes, deed, about)
                await contest.watch(list(processes.values()), tenths / 10)
            contest.api.permit()
            await contest.leads_in_time(list(processes.values()))
        finally:
            await contest.end()

    asyncio.run(run())


def act(contest: Contest, processes: dict[str, Process], deed: str, about: str) -> None:
    if deed == "away":
        contest.api.refuse(about, "leases", UnavailableError("no answer"))
    elif deed == "back":
        contest.api.permit()
    elif deed == "freeze":
        processes[about].gate.opened.clear()
    elif deed == "resume":
        processes[about].gate.opened.set()
    elif deed == "kill":
        processes[about].kill()
    elif processes[about].task.done():
        processes[about].start()
