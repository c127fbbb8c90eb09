"""A trunk whose other end breaks a rule: what came before counts, and nothing runs twice (P1)."""

import asyncio

import pytest

from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.trunk_frames import encode_frame
from kubelambda.core.wire.trunk_messages import encode_outcome_head
from unit.gateway.peers.trunks import Pair
from unit.jumping_loop import on_jumping_loop

FINE = Outcome(b'"fine"')
HEAD, BODY = encode_outcome_head(FINE)
LARGE = b"x" * 1_000_000
WRONG = {
    "an unknown type": encode_frame(0x7F, 1),
    "over its limit": frames.encode_header(frames.BEGUN, 1, 1_000),
    "no stream": encode_frame(frames.BEGUN, 0),
    "a stream nobody opened": encode_frame(frames.BEGUN, 9),
    "no place in an answer": encode_frame(frames.EVENT, 2),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("reads", ["in one read", "each in its own"])
@on_jumping_loop
async def test_what_came_before_a_broken_rule_counts(wrong: bytes, reads: str) -> None:
    """An answer is an answer, and an event that had begun is not sent again."""
    pair = Pair()
    pair.open()
    answered, begun = pair.forward(request_id="r-1"), pair.forward(request_id="r-2")
    pair.exchange()
    said = [encode_frame(frames.OUTCOME, 1, HEAD + BODY), encode_frame(frames.BEGUN, 2), wrong]
    for data in said if reads == "each in its own" else [b"".join(said)]:
        pair.to_client(data)
    await asyncio.sleep(0.1)
    assert pair.client_end.ended
    assert answered.answers == [FINE]
    assert begun.invocation.begun
    assert (begun.answers, pair.failures) == ([Dropped()], [])


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
@on_jumping_loop
async def test_what_comes_after_a_broken_rule_is_not_read_so_no_event_is_sent_again(
    wrong: bytes,
) -> None:
    """BEGUN of any of them may stand there, but of one that was not sent whole."""
    pair = Pair()
    pair.open()
    pair.forward(request_id="r-1")
    second = pair.forward(request_id="r-2")
    pair.exchange()
    third = pair.forward(request_id="r-3", payload=LARGE)
    pair.to_client(wrong + encode_frame(frames.BEGUN, 2))
    await asyncio.sleep(0.1)
    assert second.answers == [Dropped()]
    assert third.answers == []
    assert len(pair.failures) == 1


@pytest.mark.parametrize("wrong", [encode_frame(0x7F, 1), encode_frame(frames.EVENT, 1)])
@on_jumping_loop
async def test_an_event_before_the_askers_broken_rule_has_lost_its_caller(wrong: bytes) -> None:
    pair = Pair()
    pair.open()
    pair.forward()
    pair.client.flush()
    pair.to_server(pair.client_end.take() + wrong)
    await asyncio.sleep(0.1)
    assert pair.server_end.ended
    assert [one.stream.gone for one in pair.served] == [True]


@on_jumping_loop
async def test_an_event_that_cannot_be_written_leaves_nothing_on_the_trunk() -> None:
    """Whoever sends it is told; else its stream would keep a trunk open that is asked to end."""
    pair = Pair()
    pair.open()
    with pytest.raises(UnicodeEncodeError):
        pair.forward(client_context="\ud800")
    asked = pair.forward(request_id="r-2")
    pair.exchange()
    pair.listener.go_away()
    pair.served[0].stream.complete(FINE)
    pair.exchange()
    await asyncio.sleep(0)
    assert asked.answers == [FINE]
    assert pair.client_end.ended


@on_jumping_loop
async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    """uvloop raises where asyncio does not, and whoever begins the event would be stuck."""
    pair = Pair()
    pair.open()
    pair.forward()
    pair.exchange()
    pair.cut()
    await asyncio.sleep(0.1)
    for end in (pair.client_end, pair.server_end):
        end.written.clear()
    (trunk,) = {one.stream.trunk for one in pair.served}
    pair.served[0].stream.begin()
    pair.served[0].stream.complete(FINE)
    for one in (trunk, pair.client):
        one.write(encode_frame(frames.PING, 0))
        one.write_now(encode_frame(frames.PING, 0))
        one.close()
    await asyncio.sleep(0.1)
    assert pair.client_end.written == pair.server_end.written == []
