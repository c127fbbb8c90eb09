"""Every event is answered when it is late: not before, hardly after, whatever else runs."""

import asyncio
import logging
import time
from contextlib import ExitStack
from functools import partial

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.link.event_deadlines import LOOK_S, EventDeadlines
from unit.functions import make_function
from unit.jumping_loop import on_jumping_loop, run_jumping
from unit.socket_pair import SocketPair

ROUNDED_S = 0.0011
"""A millisecond, and what floats make of it."""


class Watched:
    """Invocations, and when each of them was answered."""

    def __init__(self) -> None:
        self.deadlines = EventDeadlines()
        self.answered_at: dict[str, float] = {}
        self._loop = asyncio.get_running_loop()

    def begin(self, name: str, timeout_s: float) -> Invocation:
        def answer(outcome: Outcome | ApiError | Dropped) -> None:
            assert isinstance(outcome, Outcome)
            assert b"Task timed out after 3.00 seconds" in outcome.payload
            self.answered_at[name] = self._loop.time()

        function = make_function(timeout_s=3)
        invocation = Invocation(name, function, "", "arn", b"{}", "", "", False, answer)
        invocation.begin()
        self.deadlines.add(invocation, self._loop.time() + timeout_s)
        return invocation


@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0.0, max_value=30.0),
            st.floats(min_value=0.0, max_value=20.0),
            st.one_of(st.none(), st.floats(min_value=0.0, max_value=20.0)),
        ),
        max_size=20,
    )
)
def test_an_event_is_answered_exactly_when_it_is_late(
    events: list[tuple[float, float, float | None]],
) -> None:
    """Each begins at some time, has some timeout, and perhaps ends after some time."""

    async def run() -> None:
        watched = Watched()
        loop = asyncio.get_running_loop()

        async def live(name: str, begins: float, timeout_s: float, ends: float | None) -> None:
            await asyncio.sleep(begins)
            began = loop.time()
            invocation = watched.begin(name, timeout_s)
            if ends is not None:
                await asyncio.sleep(ends)
                watched.deadlines.discard(invocation)
            await asyncio.sleep(60)
            late_at = began + timeout_s
            answered_at = watched.answered_at.get(name)
            if ends is None or ends > timeout_s + LOOK_S + ROUNDED_S:
                assert answered_at is not None
            if answered_at is not None:
                assert late_at <= answered_at <= late_at + LOOK_S + ROUNDED_S
                assert ends is None or ends >= timeout_s - 1e-9

        await asyncio.gather(*(live(str(number), *one) for number, one in enumerate(events)))

    run_jumping(run())


@on_jumping_loop
async def test_one_timer_serves_a_thousand_events_that_end_in_time() -> None:
    loop = asyncio.get_running_loop()
    watched = Watched()
    armed: list[float] = []
    call_at = loop.call_at
    loop.call_at = lambda when, *rest, **named: (  # type: ignore[method-assign]
        armed.append(when),
        call_at(when, *rest, **named),
    )[1]
    for number in range(1_000):
        watched.deadlines.discard(watched.begin(str(number), 3.25))
    assert len(armed) == 1
    await asyncio.sleep(10)
    assert watched.answered_at == {}
    looks = [one for one in armed if one < 10]
    assert len(looks) == 1  # nothing runs, so nothing is looked at any more


@on_jumping_loop
async def test_the_earliest_counts_whenever_it_began() -> None:
    watched = Watched()
    watched.begin("long", 900.25)
    await asyncio.sleep(1)
    watched.begin("short", 1.25)
    await asyncio.sleep(1.26)
    assert list(watched.answered_at) == ["short"]
    await asyncio.sleep(900)
    assert watched.answered_at["long"] == pytest.approx(900.25, abs=LOOK_S)


@on_jumping_loop
async def test_one_that_cannot_be_answered_holds_up_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, logger="asyncio")
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    watched = Watched()

    def fail(_: Outcome | ApiError | Dropped) -> None:
        raise RuntimeError("nobody foresaw this")

    broken = watched.begin("broken", 1.0)
    broken.answer = fail
    watched.begin("other", 1.0)
    await asyncio.sleep(1.1)
    assert list(watched.answered_at) == ["other"]


def test_an_answer_that_came_while_the_process_stood_still_counts() -> None:
    """After what it reads uvloop runs the timers that are due, before it reads what came then."""

    async def run() -> dict[str, float]:
        watched = Watched()
        with ExitStack() as stack:
            agent, other = (SocketPair(stack) for _ in range(2))
            in_time = watched.begin("in time", 0.05)
            watched.begin("never", 0.05)

            def stand_still() -> None:
                other.ours.recv(1)
                agent.theirs.send(b"the answer")
                time.sleep(0.3)

            agent.on_readable(partial(watched.deadlines.discard, in_time))
            other.on_readable(stand_still)
            other.theirs.send(b"something")
            await asyncio.sleep(0.5)
        return watched.answered_at

    assert list(uvloop.run(run())) == ["never"]


@on_jumping_loop
async def test_a_loop_that_is_always_late_answers_all_the_same() -> None:
    """It is put off once: a machine without time must not make time-outs end."""
    watched = Watched()
    watched.begin("one", 1.0)
    for _ in range(20):
        await asyncio.sleep(2.0)
        watched.deadlines._look()
        if watched.answered_at:
            break
    assert watched.answered_at["one"] <= 6.0


def test_on_uvloop_no_event_is_late_before_its_time() -> None:
    """Its timers are rounded to milliseconds, up or down."""

    async def run() -> None:
        watched = Watched()
        loop = asyncio.get_running_loop()
        late_at = {}
        for number in range(20):
            timeout_s = 0.05 + number * 0.0007
            late_at[str(number)] = loop.time() + timeout_s
            watched.begin(str(number), timeout_s)
        while len(watched.answered_at) < 20:
            await asyncio.sleep(0.01)
        for name, moment in late_at.items():
            assert watched.answered_at[name] >= moment

    uvloop.run(run())
