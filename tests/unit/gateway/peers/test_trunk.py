"""How a trunk ends, its pings, and what either end does about one that breaks the rules."""

import asyncio

import pytest

from kubelambda.core.model.invocation import (
    Dropped,
)
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.relay import RelayRequest
from kubelambda.core.wire.trunk_frames import encode_frame
from kubelambda.core.wire.trunk_messages import encode_event_head, encode_outcome_head
from kubelambda.gateway.peers.trunk import PING_S
from unit.gateway.peers.trunks import FINE, Pair, Served, cut_frames, make_open_pair
from unit.jumping_loop import on_jumping_loop


@on_jumping_loop
async def test_when_the_connection_ends_every_event_fails_and_every_caller_has_gone() -> None:
    pair = make_open_pair()
    asked = [pair.forward(request_id=f"r-{number}") for number in range(3)]
    pair.exchange()
    left: list[int] = []
    for served in pair.served:
        served.stream.on_gone = lambda: left.append(1)
    pair.served[0].stream.begin()
    pair.exchange()
    pair.cut()
    await asyncio.sleep(0.1)
    assert [one.reason for one in pair.failures] == ["the connection was lost: None"] * 3
    assert all(one.unreachable for one in pair.failures)
    assert [one.invocation.begun for one in asked] == [True, False, False]
    assert len(left) == 3
    assert pair.ended == [pair.client]
    assert pair.budget.held_bytes == 0


@on_jumping_loop
async def test_a_bug_that_one_event_meets_does_not_end_the_others() -> None:
    def break_down(served: Served) -> None:
        if served.request.request_id == "r-bad":
            raise RuntimeError("a bug of ours")

    pair = Pair(break_down)
    pair.open()
    pair.forward(request_id="r-bad")
    asked = pair.forward()
    pair.exchange()
    pair.served[1].stream.complete(FINE)
    pair.exchange()
    assert asked.answers == [FINE]


@on_jumping_loop
async def test_a_gateway_that_stops_ends_what_runs_and_gets_nothing_new() -> None:
    pair = make_open_pair()
    asked = pair.forward()
    pair.exchange()
    pair.listener.go_away()
    pair.exchange()
    assert pair.ended == [pair.client]
    assert not pair.client.takes_events
    waiting = asyncio.create_task(pair.listener.wait_idle())
    await asyncio.sleep(1)
    assert not waiting.done()
    pair.served[0].stream.complete(FINE)
    pair.exchange()
    assert asked.answers == [FINE]
    await asyncio.sleep(0)
    assert pair.client_end.ended
    pair.server_end.abort()
    await waiting


@on_jumping_loop
async def test_an_event_that_crosses_the_goodbye_is_served_as_any_other() -> None:
    pair = make_open_pair()
    pair.listener.go_away()
    pair.forward()
    pair.exchange()
    assert len(pair.served) == 1


@on_jumping_loop
async def test_a_peer_that_is_silent_is_found_in_bounded_time_from_either_end() -> None:
    for silent in ("owner", "asker"):
        pair = make_open_pair()
        asked = pair.forward()
        pair.exchange()
        if silent == "owner":
            await asyncio.sleep(4 * PING_S)
            assert pair.client_end.ended
            assert len(pair.failures) == 1
        else:
            await asyncio.sleep(4 * PING_S)
            assert pair.server_end.ended
            assert pair.served[0].stream.gone
        assert asked.answers == []


@on_jumping_loop
async def test_pings_keep_a_quiet_trunk_open() -> None:
    pair = make_open_pair()
    for _ in range(100):
        await asyncio.sleep(1)
        pair.exchange()
    assert pair.client.takes_events
    assert not pair.server_end.ended


@on_jumping_loop
async def test_a_process_that_stood_still_reads_before_it_accuses() -> None:
    pair = make_open_pair()
    loop = asyncio.get_running_loop()
    await asyncio.sleep(2 * PING_S + 0.1)  # asked, and not answered yet
    loop._jumping.now += 60  # type: ignore[attr-defined]
    await asyncio.sleep(0.1)
    assert not pair.client_end.ended
    pair.exchange()
    await asyncio.sleep(PING_S)
    assert not pair.client_end.ended


@on_jumping_loop
async def test_writes_of_one_round_leave_in_one() -> None:
    pair = make_open_pair()
    pair.client_end.written.clear()
    for number in range(10):
        pair.forward(request_id=f"r-{number}")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(pair.client_end.written) == 1
    pair.exchange()
    assert len(pair.served) == 10


# what must not be said


HEAD, BODY = encode_outcome_head(FINE)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(encode_frame(frames.OUTCOME, 1, b""), id="no outcome"),
        pytest.param(encode_frame(frames.OUTCOME, 1, b"\x09" + HEAD[1:] + BODY), id="of no kind"),
        pytest.param(
            encode_frame(frames.OUTCOME, 1, HEAD[:5] + b"\x7f\xff\xff\xff" + BODY), id="too large"
        ),
        pytest.param(encode_frame(frames.STREAM, 1), id="a stream that was not asked for"),
        pytest.param(encode_frame(frames.DATA, 1, b"x"), id="part of nothing"),
        pytest.param(encode_frame(frames.END, 1), id="the end of nothing"),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
@on_jumping_loop
async def test_an_answer_that_cannot_be_used_drops_its_event_and_no_other(
    sent: bytes, begun: bool
) -> None:
    """P1: the event may have run, so it is neither answered nor sent again; nor is it forgotten."""
    pair = make_open_pair()
    asked, other = pair.forward(), pair.forward(request_id="r-2")
    pair.exchange()
    if begun:
        pair.to_client(encode_frame(frames.BEGUN, 1))
    pair.to_client(sent)
    assert (asked.answers, pair.failures) == ([Dropped()], [])
    pair.exchange()
    assert pair.served[0].stream.gone, "the owner is told"
    pair.served[1].stream.complete(FINE)
    pair.exchange()
    assert other.answers == [FINE]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(encode_frame(frames.OUTCOME, 2, HEAD + BODY), id="a stream nobody opened"),
        pytest.param(encode_frame(frames.EVENT, 1, b""), id="an event"),
        pytest.param(encode_frame(frames.CREDIT, 1, b"123"), id="half a number"),
        pytest.param(encode_frame(0x7F, 1), id="an unknown type"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="another protocol"),
    ],
)
@on_jumping_loop
async def test_an_owner_that_breaks_the_rules_is_left(sent: bytes) -> None:
    """P1: what it said after that is not read, so the event may have begun."""
    pair = make_open_pair()
    asked = pair.forward()
    pair.exchange()
    pair.to_client(sent)
    await asyncio.sleep(0.1)
    assert pair.client_end.ended
    assert (asked.answers, pair.failures) == ([Dropped()], [])


def encode_event(size: int, body: bytes) -> bytes:
    return encode_event_head(RelayRequest("r-9", "shop", "hello"), size) + body


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(encode_frame(frames.EVENT, 1, encode_event(0, b"")), id="a number used twice"),
        pytest.param(encode_frame(frames.BEGUN, 1), id="a beginning"),
        pytest.param(encode_frame(frames.DATA, 1, b"more"), id="more than was announced"),
        pytest.param(
            encode_frame(frames.EVENT, 2, encode_event(6_000_000, b"x" * 300_000)),
            id="more than was allowed",
        ),
        pytest.param(encode_frame(0x7F, 1), id="an unknown type"),
    ],
)
@on_jumping_loop
async def test_an_asker_that_breaks_the_rules_is_left(sent: bytes) -> None:
    pair = make_open_pair()
    pair.forward()
    pair.exchange()
    pair.to_server(sent)
    await asyncio.sleep(0.1)
    assert pair.server_end.ended
    assert pair.served[0].stream.gone


@on_jumping_loop
async def test_an_event_that_cannot_be_read_is_refused_alone() -> None:
    pair = make_open_pair()
    asked = pair.forward()
    pair.exchange()
    pair.to_server(encode_frame(frames.EVENT, 9, b"nonsense"))
    await asyncio.sleep(0)
    assert cut_frames(pair.server_end.take())[-1] == (frames.REFUSED, 9, b"\x01\x90")
    pair.served[0].stream.complete(FINE)
    pair.exchange()
    assert asked.answers == [FINE]
