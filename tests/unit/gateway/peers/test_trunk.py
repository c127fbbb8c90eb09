"""A trunk's two ends, step by step: openings, events, answers, credit, and how each can end."""

import asyncio
from typing import Any

import pytest

from kubelambda.core.errors import ApiError, throttled
from kubelambda.core.model.invocation import (
    SYNC_REQUEST_BYTES_MAX,
    Dropped,
    Outcome,
)
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.relay import RelayRequest
from kubelambda.core.wire.trunk_flow import CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES
from kubelambda.core.wire.trunk_frames import encode_frame
from kubelambda.core.wire.trunk_messages import encode_event_head, encode_outcome_head
from kubelambda.core.wire.trunk_opening import NotSpokenError, encode_opening
from kubelambda.gateway.peers.trunk import PING_S
from kubelambda.gateway.peers.trunk_listener import OPENING_S, UNPROVED_MAX
from kubelambda.gateway.peers.trunk_server import StreamedAnswer
from unit.gateway.peers.relaying import OWNER, Asked
from unit.gateway.peers.trunks import Pair, PipeTransport, Served, cut_frames
from unit.jumping_loop import on_jumping_loop

FINE = Outcome(b'"fine"', tail="dGFpbA==")


class Response:
    """A caller who takes an event stream, as far as ``takes`` says."""

    def __init__(self) -> None:
        self.is_over = False
        self.takes = True
        self.on_writable: Any = None
        self.taken = b""
        self.resumed = 0

    def begin(self) -> None: ...

    def write(self, chunk: bytes) -> bool:
        raise NotImplementedError

    def relay(self, data: bytes) -> bool:
        self.taken += data
        return self.takes

    def resume(self) -> None:
        self.resumed += 1

    def complete(self, outcome: Outcome) -> None:
        raise NotImplementedError

    def end(self) -> None:
        self.is_over = True


def make_open_pair() -> Pair:
    pair = Pair()
    pair.open()
    return pair


# opening


@on_jumping_loop
async def test_a_trunk_opens_when_both_ends_have_proved_that_they_hold_the_key() -> None:
    pair = make_open_pair()
    assert pair.client.takes_events
    assert pair.server_end.written[0].startswith(b"HTTP/1.1 101 ")


@on_jumping_loop
async def test_an_opening_may_come_byte_by_byte() -> None:
    pair = Pair()
    pair.client.start()
    for _ in range(3):
        for byte in pair.client_end.take():
            pair.to_server(bytes((byte,)))
        for byte in pair.server_end.take():
            pair.to_client(bytes((byte,)))
        pair.client.flush()
    assert pair.settled == [None]


@on_jumping_loop
async def test_an_owner_without_the_key_gets_no_event() -> None:
    pair = Pair()
    pair.client = pair.dial(b"x" * 32)
    pair.client.start()
    pair.exchange()
    assert isinstance(pair.settled[0], NotSpokenError)
    assert pair.client_end.ended
    assert not pair.client_end.waiting


@on_jumping_loop
async def test_events_are_not_taken_before_the_proof() -> None:
    pair = Pair()
    pair.to_server(encode_opening(OWNER.address, "0" * 32))
    pair.to_server(encode_frame(frames.EVENT, 1, b"anything"))
    await asyncio.sleep(0)
    assert pair.server_end.ended
    assert pair.served == []


@on_jumping_loop
async def test_an_opening_that_is_played_back_proves_nothing() -> None:
    """The owner has a new nonce for each: what was recorded of another opening fits no more."""
    pair = make_open_pair()
    pair.forward()
    pair.exchange()
    recorded = b"".join(pair.client_end.written)
    again = Pair()
    again.to_server(recorded)
    await asyncio.sleep(0)
    assert again.server_end.ended
    assert again.served == []


@on_jumping_loop
async def test_an_owners_answer_that_is_played_back_proves_nothing() -> None:
    pair = make_open_pair()
    recorded = b"".join(pair.server_end.written)
    again = Pair()
    again.client.start()
    again.to_client(recorded)
    assert isinstance(again.settled[0], NotSpokenError)


@on_jumping_loop
async def test_a_proof_made_for_one_gateway_is_none_for_another() -> None:
    """What somebody passes on between two gateways, each of which believes to talk to him."""
    pair = Pair()
    pair.client = pair.dial(address="10.9.9.9:9001")
    pair.client.start()
    pair.exchange()
    assert isinstance(pair.settled[0], NotSpokenError)
    assert pair.server_end.written[0].startswith(b"HTTP/1.1 421 ")


@on_jumping_loop
async def test_versions_that_nobody_knows_are_answered_with_those_that_are_spoken() -> None:
    pair = Pair()
    opening = encode_opening(OWNER.address, "0" * 32).replace(b"trunk/1", b"trunk/9")
    pair.to_server(opening)
    answer = pair.server_end.written[0]
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"\r\nUpgrade: kubelambda-trunk/1\r\n" in answer
    assert pair.server_end.ended


@on_jumping_loop
async def test_a_request_that_begins_like_an_opening_is_served_as_one() -> None:
    pair = Pair()
    pair.to_server(b"GET /internal/v1/")
    assert pair.http == []
    pair.to_server(b"packages/x HTTP/1.1\r\n")
    assert pair.http == [b"GET /internal/v1/packages/x HTTP/1.1\r\n"]
    await asyncio.sleep(2 * OPENING_S)
    assert not pair.server_end.ended


@on_jumping_loop
async def test_whoever_proves_nothing_in_time_is_cut() -> None:
    pair = Pair()
    pair.to_server(encode_opening(OWNER.address, "0" * 32))
    await asyncio.sleep(OPENING_S + 0.1)
    assert pair.server_end.ended


@on_jumping_loop
async def test_an_address_has_few_openings_at_a_time() -> None:
    pair = make_open_pair()
    ends = [PipeTransport() for _ in range(UNPROVED_MAX + 1)]
    for end in ends:
        pair.listener.accept(end, encode_opening(OWNER.address, "0" * 32))
    assert [one.ended for one in ends] == [False] * UNPROVED_MAX + [True]


# events and answers


@on_jumping_loop
async def test_an_event_arrives_as_it_was_sent_and_its_outcome_comes_back() -> None:
    pair = make_open_pair()
    asked = pair.forward(client_context='{"a":1}', wants_tail=True, may_repeat=True, qualifier="q")
    pair.exchange()
    (served,) = pair.served
    request = served.request
    assert (request.request_id, request.namespace, request.function_uid) == ("r-1", "shop", "u")
    assert (request.client_context, request.qualifier) == ('{"a":1}', "q")
    assert (request.wants_tail, request.may_repeat, request.stream) == (True, True, False)
    assert (request.epoch, request.hops, served.payload) == (7, 1, b'{"a":1}')
    served.stream.begin()
    assert cut_frames(pair.server_end.take()) == [(frames.BEGUN, 1, b"")], "before begin returns"
    pair.to_client(encode_frame(frames.BEGUN, 1))
    assert asked.invocation.begun
    served.stream.complete(FINE)
    pair.exchange()
    assert asked.answers == [FINE]


@on_jumping_loop
async def test_events_answer_in_any_order() -> None:
    pair = make_open_pair()
    asked = [pair.forward(request_id=f"r-{number}") for number in range(3)]
    pair.exchange()
    for served in reversed(pair.served):
        served.stream.complete(Outcome(served.request.request_id.encode()))
        pair.exchange()
    assert [one.answers for one in asked] == [[Outcome(f"r-{n}".encode())] for n in range(3)]


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 65_536, 262_144, SYNC_REQUEST_BYTES_MAX])
@on_jumping_loop
async def test_payloads_of_any_size_pass_both_ways(size: int) -> None:
    pair = make_open_pair()
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    asked = pair.forward(payload=payload)
    pair.exchange()
    assert pair.served[0].payload == payload
    assert pair.budget.held_bytes == size
    pair.served[0].stream.complete(Outcome(payload))
    assert pair.budget.held_bytes == 0
    pair.exchange()
    assert asked.answers == [Outcome(payload)]
    assert pair.client.sender.credit > CONNECTION_WINDOW_BYTES // 2


@on_jumping_loop
async def test_an_error_comes_back_as_it_is() -> None:
    pair = make_open_pair()
    asked = pair.forward()
    pair.exchange()
    pair.served[0].stream.complete(throttled("Reason"))
    pair.exchange()
    assert asked.answers == [throttled("Reason")]


@on_jumping_loop
async def test_an_event_that_is_misdirected_fails_and_may_be_sent_again() -> None:
    pair = make_open_pair()
    asked = pair.forward()
    pair.exchange()
    pair.served[0].stream.complete(ApiError(421, "ServiceException", "not mine"))
    pair.exchange()
    assert [(one.reason, one.unreachable) for one in pair.failures] == [("it answered 421", False)]
    assert (asked.answers, asked.invocation.begun) == ([], False)


@on_jumping_loop
async def test_an_outcome_that_nobody_knows_is_a_failure_after_the_beginning() -> None:
    pair = make_open_pair()
    asked = pair.forward()
    pair.exchange()
    pair.served[0].stream.begin()
    pair.served[0].stream.complete(Dropped())
    pair.exchange()
    assert len(pair.failures) == 1
    assert asked.invocation.begun


@on_jumping_loop
async def test_payloads_that_find_no_room_are_refused_and_hold_nothing() -> None:
    pair = make_open_pair()
    pair.budget.bytes_max = 400_000
    pair.forward(payload=b"x" * 1_000_000)
    small = pair.forward()
    pair.exchange()
    assert [one.reason for one in pair.failures] == ["it answered 503"]
    assert [one.payload for one in pair.served] == [b'{"a":1}']
    assert pair.budget.held_bytes == len(b'{"a":1}')
    pair.served[0].stream.complete(FINE)
    pair.exchange()
    assert small.answers == [FINE]


# event streams


def begin_stream(pair: Pair) -> tuple[Asked, Response, StreamedAnswer]:
    response = Response()
    asked = pair.forward(stream=response)
    pair.exchange()
    served = pair.served[-1]
    assert served.request.stream
    served.stream.begin()
    answer = StreamedAnswer(served.stream)
    answer.begin(200, [])
    return asked, response, answer


@on_jumping_loop
async def test_an_event_stream_passes_part_by_part() -> None:
    pair = make_open_pair()
    asked, response, answer = begin_stream(pair)
    assert answer.send(b"one")
    pair.exchange()
    assert (response.taken, asked.answers) == (b"one", [])
    answer.send(b"two")
    answer.end()
    pair.exchange()
    assert (response.taken, response.is_over) == (b"onetwo", True)
    assert asked.answers == [Outcome(b"", streamed=True)]
    assert all(one.is_idle for one in pair.listener._open)


@on_jumping_loop
async def test_a_caller_who_reads_slowly_holds_up_nothing_but_his_own_stream() -> None:
    """Neither gateway keeps more than a window of it, and the other events pass."""
    pair = make_open_pair()
    _, response, answer = begin_stream(pair)
    response.takes = False
    wanted: list[int] = []
    answer.on_writable = lambda: wanted.append(1)
    sent = 0
    while answer.send(b"x" * 65_536):
        sent += 1
        pair.exchange()
        assert sent < 100
    pair.exchange()
    assert len(response.taken) == STREAM_WINDOW_BYTES
    other = pair.forward(payload=b"y" * 1_000_000)
    pair.exchange()
    pair.served[-1].stream.complete(Outcome(b"z" * 1_000_000))
    pair.exchange()
    assert len(other.answers) == 1
    assert wanted == []
    response.takes = True
    response.on_writable()
    pair.exchange()
    assert wanted == [1]
    assert len(response.taken) > STREAM_WINDOW_BYTES


@on_jumping_loop
async def test_200_mb_pass_with_no_more_than_a_window_in_memory() -> None:
    pair = make_open_pair()
    asked, response, answer = begin_stream(pair)
    part = b"x" * 65_536
    for _ in range(3_200):
        answer.send(part)
        pair.exchange()
        assert len(response.taken) == len(part)
        response.taken = b""
        pair.client_end.written.clear()
        pair.server_end.written.clear()
    answer.end()
    pair.exchange()
    assert asked.answers == [Outcome(b"", streamed=True)]


@on_jumping_loop
async def test_a_stream_that_breaks_off_is_a_failure_and_not_an_end() -> None:
    pair = make_open_pair()
    asked, response, answer = begin_stream(pair)
    answer.send(b"part")
    pair.served[0].stream.drop()
    answer.end()
    pair.exchange()
    assert (response.is_over, asked.answers, len(pair.failures)) == (False, [], 1)


# ends


@on_jumping_loop
async def test_a_caller_who_goes_has_his_event_cancelled_and_nothing_else() -> None:
    pair = make_open_pair()
    asked, other = pair.forward(), pair.forward(request_id="r-2")
    pair.exchange()
    left: list[int] = []
    pair.served[0].stream.on_gone = lambda: left.append(1)
    asked.invocation.leave()
    pair.exchange()
    assert (left, pair.served[0].stream.gone) == ([1], True)
    pair.served[0].stream.complete(FINE)
    pair.served[1].stream.complete(FINE)
    pair.exchange()
    assert (asked.answers, other.answers, pair.failures) == ([], [FINE], [])


@on_jumping_loop
async def test_a_caller_who_goes_while_his_payload_waits_for_credit() -> None:
    pair = make_open_pair()
    asked = pair.forward(payload=b"x" * 1_000_000)
    asked.invocation.leave()
    pair.exchange()
    assert pair.served == []
    assert pair.budget.held_bytes == 0
    assert all(one.is_idle for one in pair.listener._open)


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
