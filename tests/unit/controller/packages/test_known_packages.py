"""When gateways are asked for packages: what is missing, again and again; what is there, never."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.package_problem import Presence
from kubelambda.controller.records.keys import WorkKey
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.core.wire.package_lookup import NAMES_MAX, NoPackageStoreError

ONE: WorkKey = ("function", "apps", "one")
OTHER: WorkKey = ("layer", "apps", "other")
A, B = "a" * 64, "b" * 64


class Desk:
    """What is around ``KnownPackages``: a store, a clock that jumps on demand, who was told."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.failure: Exception | None = None
        self.asked: list[list[str]] = []
        self.told: list[WorkKey] = []
        self.now = 100.0
        self.packages = KnownPackages(self.ask, self.told.append, lambda: self.now)

    async def ask(self, names: Sequence[str]) -> frozenset[str]:
        self.asked.append(list(names))
        if self.failure is not None:
            raise self.failure
        return frozenset(names) - self.there

    async def pass_time(self, seconds: float) -> None:
        """Let the clock jump, and whatever is due then be asked for."""
        self.now += seconds
        self.packages._wake.set()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    running = asyncio.create_task(made.packages.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_answer_comes_with_the_first_look_and_what_is_there_is_remembered(
    desk: Desk,
) -> None:
    desk.there = {A}
    assert await desk.packages.look(ONE, [A]) == {}
    assert await desk.packages.look(OTHER, [A]) == {}
    await desk.pass_time(3600)
    assert desk.asked == [[A]]


async def test_what_names_no_packages_asks_nobody(desk: Desk) -> None:
    assert await desk.packages.look(ONE, []) == {}
    await desk.pass_time(3600)
    assert desk.asked == []


async def test_a_missing_package_is_looked_for_until_it_is_there_and_all_who_wait_are_told(
    desk: Desk,
) -> None:
    assert await desk.packages.look(ONE, [A]) == {A: Presence.MISSING}
    assert await desk.packages.look(OTHER, [A, B]) == {A: Presence.MISSING, B: Presence.MISSING}
    desk.told.clear()
    await desk.pass_time(5.0)
    assert desk.told == [], "the same answer is no news"
    desk.there = {A}
    await desk.pass_time(5.0)
    assert sorted(desk.told) == [ONE, OTHER]
    assert await desk.packages.look(ONE, [A]) == {}
    assert await desk.packages.look(OTHER, [A, B]) == {B: Presence.MISSING}


async def test_a_missing_package_is_asked_for_with_a_growing_delay_of_at_most_five_seconds(
    desk: Desk,
) -> None:
    await desk.packages.look(ONE, [A])
    counts = []
    for _ in range(60):
        await desk.pass_time(0.5)
        counts.append(len(desk.asked))
    assert (counts[0], counts[1], counts[5]) == (1, 2, 3), "after 1 s, and 2 s later"
    assert 7 <= counts[-1] <= 9, "after half a minute"


async def test_many_missing_packages_are_one_question_and_are_asked_for_less_often(
    desk: Desk,
) -> None:
    names = [f"{number:064x}" for number in range(10 * NAMES_MAX)]
    await desk.packages.look(ONE, names)
    assert len(desk.asked) <= 11
    assert max(map(len, desk.asked)) <= NAMES_MAX
    desk.asked.clear()
    await desk.pass_time(10.0)
    assert desk.asked == [], "1,000 at 50 a second take 20 s"
    await desk.pass_time(11.0)
    await desk.pass_time(0.0)
    await desk.pass_time(0.0)
    assert sum(map(len, desk.asked)) == len(names)


async def test_a_gateway_that_is_away_changes_nothing_that_is_known(desk: Desk) -> None:
    desk.there = {A}
    await desk.packages.look(ONE, [A])
    await desk.packages.look(OTHER, [B])
    desk.failure = PackagesUnavailableError("away")
    desk.told.clear()
    await desk.pass_time(5.0)
    assert await desk.packages.look(ONE, [A]) == {}
    assert await desk.packages.look(OTHER, [B]) == {B: Presence.MISSING}
    assert desk.told == []


async def test_nothing_is_said_of_a_package_before_a_gateway_has_told(desk: Desk) -> None:
    desk.failure = PackagesUnavailableError("away")
    assert await desk.packages.look(ONE, [A]) == {A: Presence.UNKNOWN}
    for _ in range(100):
        await desk.pass_time(1.0)
    assert 8 <= len(desk.asked) <= 14, "with a delay that grows to 15 s"
    assert desk.told == []
    desk.failure, desk.there = None, {A}
    await desk.pass_time(15.0)
    assert desk.told == [ONE]
    assert await desk.packages.look(ONE, [A]) == {}


async def test_an_installation_without_a_store_is_said_and_asked_again(desk: Desk) -> None:
    desk.failure = NoPackageStoreError()
    assert await desk.packages.look(ONE, [A]) == {A: Presence.NO_STORE}
    desk.failure, desk.there = None, {A}
    desk.told.clear()
    await desk.pass_time(15.0)
    assert desk.told == [ONE]


async def test_nobody_asks_on_behalf_of_what_has_gone_or_names_something_else(desk: Desk) -> None:
    await desk.packages.look(ONE, [A])
    await desk.packages.look(OTHER, [A])
    desk.packages.forget(ONE)
    await desk.packages.look(OTHER, [B])
    desk.asked.clear()
    await desk.pass_time(60.0)
    assert desk.asked == [[B]]


async def test_who_waits_hears_of_what_somebody_ready_vouches_for(desk: Desk) -> None:
    desk.failure = PackagesUnavailableError("away")
    await desk.packages.look(ONE, [A])
    await desk.packages.look(OTHER, [A], trusted=[A])
    assert desk.told == [ONE]
    assert await desk.packages.look(ONE, [A]) == {}


@pytest.mark.parametrize("way", ["names another", "has gone"])
async def test_a_package_that_nothing_named_for_a_while_is_asked_for_again(
    desk: Desk, way: str
) -> None:
    """It may have been collected meanwhile; once it was remembered for ever."""
    desk.there = {A, B}
    await desk.packages.look(ONE, [A])
    await desk.packages.look(OTHER, [A])
    for key in (ONE, OTHER):
        if way == "has gone":
            desk.packages.forget(key)
        else:
            await desk.packages.look(key, [B])
    desk.there = {B}
    assert await desk.packages.look(ONE, [A]) == {A: Presence.MISSING}


async def test_a_package_that_something_still_names_is_not_asked_for_again(desk: Desk) -> None:
    desk.there = {A}
    await desk.packages.look(ONE, [A])
    await desk.packages.look(OTHER, [A])
    desk.packages.forget(ONE)
    assert await desk.packages.look(ONE, [A]) == {}
    assert desk.asked == [[A]]


async def test_what_a_ready_object_vouches_for_is_forgotten_with_it(desk: Desk) -> None:
    assert await desk.packages.look(ONE, [A], trusted=[A]) == {}
    assert await desk.packages.look(OTHER, [B], trusted=[A]) == {B: Presence.MISSING}
    desk.packages.forget(ONE)
    assert await desk.packages.look(ONE, [A]) == {A: Presence.MISSING}


async def test_an_answer_that_comes_when_nothing_names_the_package_any_more_is_forgotten(
    desk: Desk,
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def ask(names: Sequence[str]) -> frozenset[str]:
        asked.set()
        await answer.wait()
        return frozenset()

    packages = KnownPackages(ask, desk.told.append, lambda: desk.now)
    running, looking = asyncio.create_task(packages.run()), packages.look(ONE, [A])
    waiting = asyncio.create_task(looking)
    await asyncio.wait_for(asked.wait(), 60)
    packages.forget(ONE)
    answer.set()
    await waiting
    asked.clear()
    await packages.look(ONE, [A])
    assert asked.is_set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_bug_in_asking_ends_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The loop serves every function: it goes on, and says what happened."""
    desk.failure = ZeroDivisionError("a bug")
    assert await desk.packages.look(ONE, [A]) == {A: Presence.UNKNOWN}
    assert "asking which packages are there failed" in caplog.text
    desk.failure, desk.there = None, {A}
    await desk.pass_time(3600)
    assert ONE in desk.told
