"""Events that pass over a trunk, their answers and event streams, and callers who go."""

from typing import Any

import pytest

from kubelambda.core.errors import ApiError, throttled
from kubelambda.core.model.invocation import (
    SYNC_REQUEST_BYTES_MAX,
    Dropped,
    Outcome,
)
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.trunk_flow import CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES
from kubelambda.core.wire.trunk_frames import encode_frame
from kubelambda.gateway.peers.served_stream import StreamedAnswer
from unit.gateway.peers.relaying import Asked
from unit.gateway.peers.trunks import FINE, Pair, cut_frames, make_open_pair
from unit.jumping_loop import on_jumping_loop


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


# callers who go


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
