"""How long a client may take depends on what it is doing, and who reads too little is too slow."""

import asyncio
from collections.abc import Callable

import pytest

from kubelambda.core.capacity.client_limits import IDLE_S, REFUSAL_READ_S, ClientLimits
from kubelambda.gateway.http.phase_clock import PhaseClock
from unit.jumping_loop import run_jumping

LIMITS = ClientLimits(head_timeout_s=7.0, write_timeout_s=10.0)


class FakeOutbox:
    def __init__(self, unread: int = 0) -> None:
        self.unread = unread

    @property
    def is_empty(self) -> bool:
        return not self.unread

    def count_unread(self) -> int:
        return self.unread


PHASES: dict[str, tuple[Callable[[PhaseClock], None], float]] = {
    "a new client": (lambda _: None, LIMITS.head_timeout_s),
    "an idle client": (PhaseClock.start_idle, IDLE_S),
    "a client that takes its answer": (PhaseClock.start_writing, LIMITS.write_timeout_s),
    "a client that was refused": (PhaseClock.start_lingering, REFUSAL_READ_S),
}


@pytest.mark.parametrize(("start", "time_s"), PHASES.values(), ids=PHASES)
def test_each_phase_has_its_time(start: Callable[[PhaseClock], None], time_s: float) -> None:
    async def measure() -> float:
        clock = PhaseClock(FakeOutbox(), LIMITS)  # type: ignore[arg-type]
        start(clock)
        return clock.deadline - asyncio.get_running_loop().time()

    assert run_jumping(measure()) == time_s


READ = {
    "nothing": (0, False),
    "less than the minimum": (LIMITS.least_read() - 1, False),
    "the minimum": (LIMITS.least_read(), True),
    "everything": (2 * LIMITS.least_read(), False),
}


@pytest.mark.parametrize(("count", "is_being_read"), READ.values(), ids=READ)
async def test_a_client_gets_more_time_where_it_has_read_enough_and_more_is_left(
    count: int, is_being_read: bool
) -> None:
    outbox = FakeOutbox(2 * LIMITS.least_read())
    clock = PhaseClock(outbox, LIMITS)  # type: ignore[arg-type]
    clock.start_writing()
    outbox.unread -= count
    assert clock.is_being_read() is is_being_read
