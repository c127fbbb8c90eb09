"""Candidates for one Lease, over an API server in memory and a clock that the test moves."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

from kubelambda.controller.process.election_settings import ElectionClock, ElectionSettings
from kubelambda.controller.process.elector import Elector
from kubelambda.kube.api import KubeApi
from kubelambda.kube.memory import MemoryApi
from kubelambda.kube.paths import LEASES

NAMESPACE, NAME = "kubelambda", "kubelambda-controller"
DURATION_S, RENEW_S = 4.0, 1.0
TAKEOVER_S = 5.0
"""What the installation promises after a crash."""
TURNS = 40
"""Turns of the event loop in which everybody who can go on has gone on."""


class ManualClock:
    """Time stands still until ``advance``; sleepers wake in their order."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def as_clock(self) -> ElectionClock:
        return ElectionClock(lambda: self.now, lambda: self.now + 1e9, self.sleep)

    async def sleep(self, seconds: float) -> None:
        awake = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), awake))
        await awake.wait()

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, awake = heapq.heappop(self._sleepers)
            self.now = max(self.now, at)
            awake.set()
            await settle()
        self.now = end


async def settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Contest:
    """Candidates for one Lease; their processes end when the test does."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.api = MemoryApi()
        self.tasks: list[asyncio.Task[None]] = []

    def enter(
        self,
        identity: str,
        owner: str = "",
        api: KubeApi | None = None,
        clock: ElectionClock | None = None,
    ) -> Elector:
        election = ElectionSettings(
            namespace=NAMESPACE,
            name=NAME,
            identity=identity,
            duration_s=DURATION_S,
            renew_s=RENEW_S,
            owner=owner,
        )
        return Elector(api or self.api, election, clock or self.clock.as_clock())

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def lead(self, identity: str, **more: Any) -> tuple[Elector, asyncio.Task[None]]:
        """A candidate that leads, and the task that renews for it."""
        elector = self.enter(identity, **more)
        await elector.wait_for_leadership()
        return elector, self.start(elector.keep_leadership())

    async def end(self) -> None:
        """End every process."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def lease(self) -> dict[str, Any]:
        found = self.api.find(LEASES, NAMESPACE, NAME)
        assert found is not None
        return found

    def holder(self) -> str:
        return str(self.lease()["spec"]["holderIdentity"])


async def seconds_until(
    contest: Contest, reached: Callable[[], object], at_most_s: float = 60.0
) -> float:
    began = contest.clock.now
    while not reached():
        assert contest.clock.now - began < at_most_s
        await contest.clock.advance(0.05)
    return contest.clock.now - began
