"""DemandReporter: the controller knows the demand in the end, whatever is lost or interrupted."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from kubelambda.controller.demand.reported_demand import ReportedDemand
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.demand import (
    DemandReply,
    DemandReport,
    Drain,
    EnvironmentReport,
    FunctionDemand,
)
from kubelambda.gateway.pools.demand_reporter import (
    PERIOD_S,
    SLICE_FUNCTIONS,
    WHOLE_S,
    DemandError,
    DemandReporter,
)


def ref(name: str) -> FunctionRef:
    return FunctionRef("shop", name)


class Pools:
    """Demand as the test sets it; counts how often a function is looked at."""

    def __init__(self) -> None:
        self.functions: dict[FunctionRef, FunctionDemand] = {}
        self.looks = 0

    def put(self, name: str, waiting: int = 0, **idle_s: float) -> None:
        environments = tuple(
            EnvironmentReport(pod, "r", "d", "idle", age_s) for pod, age_s in idle_s.items()
        )
        self.functions[ref(name)] = FunctionDemand("shop", name, "u", waiting, environments)

    def refs(self) -> Sequence[FunctionRef]:
        return list(self.functions)

    def report_of(self, one: FunctionRef) -> FunctionDemand | None:
        self.looks += 1
        return self.functions.get(one)


class Controller:
    """The controller's half, with its book; may refuse, lose, or be of the release before."""

    def __init__(self) -> None:
        self.book = ReportedDemand()
        self.reports: list[DemandReport] = []
        self.answered = asyncio.Event()
        self.fails = 0
        self.is_old = False
        self.drains: tuple[Drain, ...] = ()
        self.stop_at: int | None = None
        self.now = 0.0

    async def report(self, report: DemandReport) -> DemandReply:
        self.reports.append(report)
        try:
            await asyncio.sleep(0)
            if len(self.reports) == self.stop_at:
                raise asyncio.CancelledError
            return self._take(report)
        finally:
            self.answered.set()

    def _take(self, report: DemandReport) -> DemandReply:
        if self.fails:
            self.fails -= 1
            raise DemandError("the controller answered 503")
        if self.is_old:
            if report.base is not None:
                raise DemandError("the controller answered 400")
            self.book.record(report, self.now)
            return DemandReply(self.drains)
        self.book.record(report, self.now)
        return DemandReply(self.drains, self.book.sequence_of(report.gateway))

    def held(self) -> dict[str, int]:
        return {one.name: demand.waiting for one, demand in self.book.combine(self.now).items()}


class World:
    def __init__(self) -> None:
        self.pools, self.controller = Pools(), Controller()
        self.drained: list[Drain] = []
        self.now = 100.0
        self.reporter = DemandReporter(
            "g", self.controller, self.pools, self.drained.append, clock=lambda: self.now
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        task = asyncio.create_task(self.reporter.run())
        yield
        task.cancel()

    async def say(self, *names: str) -> DemandReport:
        """Notify, and wait for what is reported next."""
        self.controller.answered.clear()
        for name in names:
            self.reporter.notify(ref(name))
        await self.controller.answered.wait()
        await asyncio.sleep(0)
        return self.controller.reports[-1]


def names(report: DemandReport) -> list[str]:
    return sorted(one.name for one in report.functions)


async def test_the_first_report_is_whole_and_later_ones_say_what_has_changed() -> None:
    world = World()
    for name in ("f", "g", "h"):
        world.pools.put(name, waiting=1)
    with world.running():
        first = await world.say("f")
        assert (names(first), first.base) == (["f", "g", "h"], None)
        world.pools.put("g", waiting=2)
        second = await world.say("g")
    assert (names(second), second.base) == (["g"], first.sequence)
    assert world.controller.held() == {"f": 1, "g": 2, "h": 1}


async def test_a_change_costs_a_look_at_what_has_changed_only() -> None:
    world = World()
    for number in range(500):
        world.pools.put(f"f{number}", p=1.0)
    with world.running():
        await world.say("f0")
        before = world.pools.looks
        world.pools.put("f7", waiting=1)
        report = await world.say("f7")
    assert world.pools.looks - before == 1
    assert names(report) == ["f7"]


async def test_everything_is_looked_at_once_in_a_period_and_idle_time_alone_is_no_news() -> None:
    world = World()
    world.pools.put("quiet", p=10.0)
    world.pools.put("used", q=10.0)
    with world.running():
        await world.say("quiet")
        world.now += PERIOD_S
        world.pools.put("quiet", p=10.0 + PERIOD_S)
        world.pools.put("used", q=9.0)
        world.now += 2.0
        world.pools.put("quiet", p=13.0)
        report = await world.say("quiet")
    assert names(report) == ["used"]


async def test_a_function_that_is_gone_is_said_to_be_gone() -> None:
    world = World()
    world.pools.put("f", waiting=1)
    with world.running():
        await world.say("f")
        del world.pools.functions[ref("f")]
        report = await world.say("f")
    assert [one.is_over for one in report.functions] == [True]
    assert world.controller.held() == {}


async def test_d1_a_controller_that_lost_track_gets_the_whole_at_once() -> None:
    """A new leader holds nothing."""
    world = World()
    world.pools.put("f", waiting=1)
    with world.running():
        await world.say("f")
        world.controller.book = ReportedDemand()
        world.pools.put("g", waiting=2)
        await world.say("g")
        await world.say()
    changes, whole = world.controller.reports[-2:]
    assert changes.base is not None
    assert (whole.base, names(whole)) == (None, ["f", "g"])
    assert world.controller.held() == {"f": 1, "g": 2}


async def test_a_controller_of_the_release_before_gets_whole_reports_only() -> None:
    world = World()
    world.controller.is_old = True
    world.pools.put("f", waiting=1)
    with world.running():
        for waiting in (2, 3):
            world.pools.put("f", waiting=waiting)
            await world.say("f")
    assert [one.base for one in world.controller.reports] == [None, None]
    assert world.controller.held() == {"f": 3}


async def test_a_leader_of_the_release_before_that_takes_over_gets_the_whole_at_once() -> None:
    """It refuses changes, which it would take for everything."""
    world = World()
    world.pools.put("f", waiting=1)
    world.pools.put("g", waiting=1)
    with world.running():
        await world.say("f")
        world.controller.is_old, world.controller.book = True, ReportedDemand()
        world.pools.put("f", waiting=2)
        await world.say("f")
        await world.say()
    assert world.controller.held() == {"f": 2, "g": 1}


async def test_after_a_failure_the_next_report_is_whole() -> None:
    world = World()
    world.pools.put("f", waiting=1)
    with world.running():
        await world.say("f")
        world.controller.fails = 2
        world.pools.put("g", waiting=2)
        await world.say("g")
        await world.say()
        await world.say()
    assert [one.base is None for one in world.controller.reports] == [True, False, True, True]
    assert world.controller.held() == {"f": 1, "g": 2}


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_reporter_that_is_stopped_in_a_report_and_started_again_loses_nothing(
    step: int,
) -> None:
    """The supervisor calls ``run`` again: what was taken up and not told is told then."""
    world = World()
    world.controller.stop_at = step
    for number in range(1, 4):
        world.pools.put("f", waiting=number)
        world.pools.put(f"f{number}", waiting=number)
        with world.running():
            await world.say("f", f"f{number}")
    with world.running():
        await world.say("f")
    assert world.controller.held() == {"f": 3, "f1": 1, "f2": 2, "f3": 3}


async def test_a_whole_report_is_sent_now_and_then_in_any_case() -> None:
    world = World()
    world.pools.put("f", waiting=1)
    with world.running():
        await world.say("f")
        world.now += WHOLE_S
        report = await world.say("f")
    assert report.base is None


async def test_the_environments_that_the_controller_names_are_drained() -> None:
    world = World()
    world.controller.drains = (Drain("shop", "f", "p"),)
    with world.running():
        await world.say("f")
    assert world.drained == [Drain("shop", "f", "p")]


async def test_other_work_has_its_turn_while_a_long_report_is_made() -> None:
    world = World()
    for number in range(20 * SLICE_FUNCTIONS):
        world.pools.put(f"f{number}", p=1.0)
    turns = 0

    async def work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(work())
    with world.running():
        await world.say("f0")
        before = turns
        world.now += WHOLE_S
        await world.say("f0")
    other.cancel()
    assert turns - before >= 20
