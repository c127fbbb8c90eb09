"""A peer that lives while a payload of its stands still: that payload is given up, and it alone."""

import asyncio

import pytest

from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.trunk_frames import FrameCutter, encode_frame
from kubelambda.core.wire.trunk_messages import encode_outcome_head
from kubelambda.gateway.peers.served_stream import StreamedAnswer
from kubelambda.gateway.peers.trunk import PING_S, STALL_S
from unit.gateway.peers.test_served_stream import Response
from unit.gateway.peers.trunks import Pair, PipeTransport
from unit.jumping_loop import on_jumping_loop

FINE = Outcome(b'"fine"')
LARGE = b"x" * 600_000
LATE_S = STALL_S + 2 * PING_S
"""By then it is given up: it is looked at every PING_S."""


class Stalled:
    """A pair that exchanges all frames but those of the types ``withheld``, every second."""

    def __init__(self, *withheld: int) -> None:
        self.pair = Pair()
        self.pair.open()
        self._withheld = withheld
        self._cutters = {id(end): FrameCutter() for end in self._ends()}

    def _ends(self) -> tuple[PipeTransport, PipeTransport]:
        return self.pair.client_end, self.pair.server_end

    async def run(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            self.exchange()

    def exchange(self) -> None:
        pair = self.pair
        for _ in range(50):
            pair.client.flush()
            pair.to_server(self._pick(pair.client_end))
            for trunk in pair.listener._open:
                trunk.flush()
            pair.to_client(self._pick(pair.server_end))

    def _pick(self, end: PipeTransport) -> bytes:
        cut = self._cutters[id(end)].feed(end.take())
        return b"".join(encode_frame(*one) for one in cut if one[0] not in self._withheld)


@on_jumping_loop
async def test_an_event_that_does_not_arrive_is_refused_and_holds_nothing() -> None:
    world = Stalled()
    pair = world.pair
    asked = pair.forward(payload=LARGE)
    pair.client.flush()
    pair.to_server(pair.client_end.take(100_000))
    assert pair.budget.held_bytes
    for _ in range(int(LATE_S)):  # the asker lives, and sends nothing more of it
        await asyncio.sleep(1)
        assert not pair.server_end.ended
        trunk = next(iter(pair.listener._open))
        trunk._silent_periods = 0
    assert pair.budget.held_bytes == 0
    assert pair.listener._open
    assert all(one.is_idle for one in pair.listener._open)
    assert asked.answers == []
    trunk.flush()
    sent = FrameCutter().feed(pair.server_end.take())
    assert (frames.REFUSED, 1, b"\x01\x98") in sent  # 408


@on_jumping_loop
async def test_an_event_for_which_there_is_no_credit_is_taken_back_and_may_be_sent_again() -> None:
    world = Stalled(frames.CREDIT)
    stuck = world.pair.forward(request_id="r-1", payload=LARGE)
    await world.run(STALL_S - PING_S)
    assert world.pair.failures == []
    await world.run(LATE_S)
    assert "takes nothing more" in world.pair.failures[0].reason
    assert not world.pair.failures[0].unreachable
    assert not stuck.invocation.begun
    assert world.pair.client.takes_events
    assert world.pair.budget.held_bytes == 0


@on_jumping_loop
async def test_answers_that_wait_for_a_gateway_that_stands_still_are_bounded() -> None:
    """Beyond that they are lost: their events have run, and memory has an end."""
    world = Stalled(frames.CREDIT)
    pair = world.pair
    asked = [pair.forward(request_id=f"r-{number}") for number in range(200)]
    world.exchange()
    for served in pair.served:
        served.stream.begin()
        served.stream.complete(Outcome(LARGE))
        await asyncio.sleep(0.1)
        world.exchange()
    assert 0.7 * pair.answers.bytes_max < pair.answers.held_bytes <= pair.answers.bytes_max
    assert len(pair.failures) == 200 - pair.answers.held_bytes // len(LARGE)
    assert all(one.invocation.begun for one in asked)
    await world.run(LATE_S)
    assert pair.answers.held_bytes == 0


@on_jumping_loop
async def test_answers_that_come_all_at_once_are_all_taken() -> None:
    """More than there is room for, but the other gateway takes them as fast as it can."""
    world = Stalled()
    await world.run(900)
    asked = [world.pair.forward(request_id=f"r-{number}") for number in range(200)]
    world.exchange()
    for served in world.pair.served:
        served.stream.complete(Outcome(LARGE))
    for _ in range(100):
        world.exchange()
    assert [one.answers for one in asked] == [[Outcome(LARGE)]] * 200
    assert world.pair.answers.held_bytes == 0


@on_jumping_loop
async def test_answers_that_are_taken_leave_room_for_the_next_ones() -> None:
    world = Stalled()
    for _ in range(5):
        asked = [world.pair.forward(request_id=f"r-{number}") for number in range(20)]
        world.exchange()
        for served in world.pair.served:
            served.stream.complete(Outcome(LARGE))
        world.pair.served.clear()
        while any(not one.answers for one in asked):
            world.exchange()
        assert [one.answers for one in asked] == [[Outcome(LARGE)]] * 20
    assert world.pair.answers.held_bytes == 0


@pytest.mark.parametrize("begun", [False, True])
@on_jumping_loop
async def test_an_outcome_that_does_not_arrive_is_dropped_alone(begun: bool) -> None:
    """The event has run, so it is neither answered nor sent again."""
    world = Stalled()
    pair = world.pair
    asked, other = pair.forward(), pair.forward(request_id="r-2")
    world.exchange()
    if begun:
        pair.to_client(encode_frame(frames.BEGUN, 1))
    head, body = encode_outcome_head(Outcome(LARGE))
    pair.to_client(encode_frame(frames.OUTCOME, 1, head + body[:10_000]))
    await world.run(STALL_S - PING_S)
    pair.to_client(encode_frame(frames.DATA, 1, body[10_000:20_000]))
    await world.run(STALL_S - PING_S)
    assert asked.answers == [], "it has moved meanwhile"
    await world.run(LATE_S)
    assert (asked.answers, pair.failures) == ([Dropped()], [])
    assert pair.served[0].stream.gone
    pair.served[1].stream.complete(FINE)
    world.exchange()
    assert other.answers == [FINE]


@on_jumping_loop
async def test_an_outcome_that_nobody_takes_is_let_go() -> None:
    world = Stalled(frames.CREDIT)
    asked = world.pair.forward()
    world.exchange()
    world.pair.served[0].stream.begin()
    world.pair.served[0].stream.complete(Outcome(LARGE))
    await world.run(LATE_S)
    assert all(one.is_idle for one in world.pair.listener._open)
    assert world.pair.listener._open
    assert asked.answers or world.pair.failures


@on_jumping_loop
async def test_an_event_stream_that_nobody_takes_no_longer_holds_its_function_up() -> None:
    """Its caller's own gateway would have cut the caller long before."""
    world = Stalled(frames.CREDIT)
    response = Response()
    world.pair.forward(stream=response)
    world.exchange()
    stream = world.pair.served[0].stream
    left: list[int] = []
    stream.on_gone = lambda: left.append(1)
    answer = StreamedAnswer(stream)
    answer.begin(200, [])
    while answer.send(LARGE):
        world.exchange()
    await world.run(LATE_S)
    assert left == [1]
    assert answer.gone
    assert len(world.pair.failures) == 1


@on_jumping_loop
async def test_an_event_may_run_and_an_event_stream_be_silent_for_a_quarter_of_an_hour() -> None:
    world = Stalled()
    quiet = Response()
    asked = world.pair.forward(payload=LARGE)
    world.pair.forward(stream=quiet, request_id="r-2")
    world.exchange()
    answer = StreamedAnswer(world.pair.served[0].stream)
    if world.pair.served[0].request.request_id == "r-1":
        answer = StreamedAnswer(world.pair.served[1].stream)
    answer.begin(200, [])
    answer.send(b"first")
    await world.run(900)
    large = next(one for one in world.pair.served if one.request.request_id == "r-1")
    large.stream.complete(Outcome(LARGE))
    answer.send(b" last")
    answer.end()
    world.exchange()
    assert asked.answers == [Outcome(LARGE)]
    assert (quiet.taken, quiet.is_over) == (b"first last", True)
    assert world.pair.failures == []


@on_jumping_loop
async def test_a_process_that_stood_still_gives_up_nothing_for_it() -> None:
    world = Stalled()
    asked = world.pair.forward(payload=LARGE)
    world.pair.client.flush()
    loop = asyncio.get_running_loop()
    for _ in range(3):
        await asyncio.sleep(PING_S)
        loop._jumping.now += 10 * STALL_S  # type: ignore[attr-defined]
    await asyncio.sleep(0.1)
    world.exchange()
    world.pair.served[0].stream.complete(FINE)
    world.exchange()
    assert asked.answers == [FINE]
