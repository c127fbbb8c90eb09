"""How a trunk is opened: who proves what to whom, and what is refused."""

import asyncio

from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.key_ring import FIRST_KEY_ID
from kubelambda.core.wire.trunk_frames import encode_frame
from kubelambda.core.wire.trunk_opening import KEY_HEADER, NotSpokenError, encode_opening
from kubelambda.gateway.peers.trunk_listener import OPENING_S, UNPROVED_MAX
from unit.gateway.peers.relaying import OWNER
from unit.gateway.peers.trunks import Pair, PipeTransport, make_open_pair
from unit.jumping_loop import on_jumping_loop


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
async def test_k1_an_opening_that_names_no_key_means_the_first_one() -> None:
    """As a gateway of the previous release writes it."""
    pair = Pair()
    pair.client.start()
    opening = pair.client_end.take()
    header = f"{KEY_HEADER}: {FIRST_KEY_ID}\r\n".encode()
    assert header in opening
    pair.to_server(opening.replace(header, b""))
    pair.exchange()
    assert pair.settled == [None]
    pair.forward()
    pair.exchange()
    assert len(pair.served) == 1


@on_jumping_loop
async def test_a_key_that_is_not_accepted_opens_nothing() -> None:
    pair = Pair()
    pair.to_server(encode_opening(OWNER.address, "0" * 32, "internal/2"))
    await asyncio.sleep(0)
    assert pair.server_end.written[0].startswith(b"HTTP/1.1 401 ")
    assert pair.server_end.ended


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
    pair.to_server(encode_opening(OWNER.address, "0" * 32, FIRST_KEY_ID))
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
    opening = encode_opening(OWNER.address, "0" * 32, FIRST_KEY_ID).replace(b"trunk/1", b"trunk/9")
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
    pair.to_server(encode_opening(OWNER.address, "0" * 32, FIRST_KEY_ID))
    await asyncio.sleep(OPENING_S + 0.1)
    assert pair.server_end.ended


@on_jumping_loop
async def test_an_address_has_few_openings_at_a_time() -> None:
    pair = make_open_pair()
    ends = [PipeTransport() for _ in range(UNPROVED_MAX + 1)]
    for end in ends:
        pair.listener.accept(end, encode_opening(OWNER.address, "0" * 32, FIRST_KEY_ID))
    assert [one.ended for one in ends] == [False] * UNPROVED_MAX + [True]
