"""HttpForwarder, the older form: one answer for each event, whatever the other gateway says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubelambda.core.coordination.membership import Member
from kubelambda.core.errors import ApiError, throttled
from kubelambda.core.model.invocation import RESPONSE_BYTES_MAX, Dropped, Outcome
from kubelambda.core.wire.relay import META_HEADER, POSITIONAL, decode_request
from kubelambda.core.wire.relay_outcome import OUTCOME_HEADER, encode_outcome
from kubelambda.gateway.peers.http_forwarder import HttpForwarder
from kubelambda.gateway.peers.relay import OnFailure, Relay, RelayFailure
from kubelambda.gateway.peers.relay_connection import RelayConnection
from kubelambda.process.supervisor import Supervisor
from release_0 import relay as old_relay
from unit.gateway.peers.relaying import OWNER, Asked, FakeTransport
from unit.signing import make_signatures

PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
FINE = Outcome(b'"fine"')


def send(forwarder: HttpForwarder, asked: Asked, owner: Member, on_failure: OnFailure) -> None:
    relay = Relay(asked.invocation, owner, 7, on_failure)
    asked.invocation.on_abandoned = relay.abandon
    forwarder.send(relay)


class World:
    """A forwarder with one kept connection to the owner, whose replies the test writes."""

    def __init__(self) -> None:
        self.forwarder = HttpForwarder(make_signatures(b"k" * 32), Supervisor())
        self.failures: list[RelayFailure] = []
        self.connection, self.transport = self.connect()

    def connect(self) -> tuple[RelayConnection, FakeTransport]:
        connection = RelayConnection(self.forwarder, OWNER.address)
        transport = FakeTransport(connection)
        connection.connection_made(transport)
        self.forwarder.give_back(connection)
        return connection, transport

    def forward(self, **changes: Any) -> Asked:
        asked = Asked(**changes)
        send(self.forwarder, asked, OWNER, self.failures.append)
        return asked

    async def reply(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.data_received(part)
        await asyncio.sleep(0)

    def read_meta(self, number: int = -1) -> str:
        head = self.transport.written[number].partition(b"\r\n\r\n")[0].decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        return headers[META_HEADER]


def make_reply(outcome: Outcome | ApiError, version: int = 1) -> bytes:
    header, body = encode_outcome(outcome, version)
    return write_reply(200, header, body)


def write_reply(status: int, header: str, body: bytes) -> bytes:
    named = f"{OUTCOME_HEADER}: {header}\r\n" if header else ""
    head = f"HTTP/1.1 {status} OK\r\n{named}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_an_event_goes_out_as_an_object_and_its_outcome_comes_back() -> None:
    world = World()
    asked = world.forward()
    meta = decode_request(world.read_meta())
    assert (meta.version, meta.function_uid, meta.epoch, meta.hops) == (1, "u", 7, 1)
    await world.reply(PROCESSING, make_reply(FINE))
    assert asked.answers == [FINE]
    assert asked.invocation.begun
    world.forward()
    assert len(world.transport.written) == 2, "the connection is kept"


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
async def test_a_reply_may_come_in_any_pieces(size: int) -> None:
    world = World()
    asked = world.forward()
    data = PROCESSING + make_reply(throttled("Reason"))
    await world.reply(*(data[start : start + size] for start in range(0, len(data), size)))
    assert asked.answers == [throttled("Reason")]


async def test_a_gateway_of_the_release_before_gets_the_event_again_as_it_reads_it() -> None:
    """It answers 400 before anything has run; its answer is in its own form."""
    world = World()
    asked = world.forward()
    with pytest.raises(old_relay.MalformedRelayError):
        old_relay.decode_request(world.read_meta())
    await world.reply(write_reply(400, "", b""))
    assert old_relay.decode_request(world.read_meta()).request_id == "r-1"
    await world.reply(PROCESSING, make_reply(FINE, POSITIONAL))
    assert asked.answers == [FINE]
    assert world.failures == []


async def test_an_event_that_no_version_makes_readable_fails_once() -> None:
    world = World()
    asked = world.forward()
    await world.reply(write_reply(400, "", b""))
    await world.reply(write_reply(400, "", b""))
    assert [one.reason for one in world.failures] == ["it answered 400"]
    assert len(world.transport.written) == 2
    assert asked.answers == []


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(write_reply(200, "", b""), id="no outcome"),
        pytest.param(write_reply(200, "[]", b""), id="an empty outcome"),
        pytest.param(write_reply(200, '{"v":9,"kind":"outcome"}', b""), id="a later version"),
        pytest.param(write_reply(200, '{"v":1,"kind":"odd"}', b""), id="an unknown kind"),
        pytest.param(write_reply(200, '["error",1e999,"","","",null]', b""), id="an odd status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="no HTTP"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="another protocol"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * (RESPONSE_BYTES_MAX + 1),
            id="over the limit",
        ),
    ],
)
@pytest.mark.parametrize("before", [b"", PROCESSING], ids=["not begun", "begun"])
async def test_a_reply_that_cannot_be_used_closes_the_callers_connection(
    before: bytes, reply: bytes
) -> None:
    """P1: the event may have run, so it is neither answered nor sent again; nor is it forgotten."""
    world = World()
    asked = world.forward()
    await world.reply(before + reply)
    assert asked.answers == [Dropped()]
    assert world.failures == []


async def test_why_a_reply_cannot_be_used_is_logged_whatever_else_is_handled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What was raised before may be the context of the parser's error (ADR 10)."""
    world = World()
    world.forward()
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n"
    try:
        {}["another one"]
    except KeyError:
        await world.reply(reply + b"x" * (RESPONSE_BYTES_MAX + 1))
    assert "a reply over the limit" in caplog.text
    assert "another one" not in caplog.text


async def test_a_lost_connection_is_told_with_whether_the_event_had_begun() -> None:
    for begun in (False, True):
        world = World()
        asked = world.forward()
        await world.reply(PROCESSING if begun else b"")
        world.transport.abort()
        await asyncio.sleep(0)
        assert [one.unreachable for one in world.failures] == [True]
        assert asked.invocation.begun is begun


async def test_an_owner_that_is_dead_fails_every_event_that_waits_for_it() -> None:
    """Heartbeats are the liveness between gateways: ``on_dead`` of Membership calls ``drop``."""
    world = World()
    world.connect()
    first, second = world.forward(), world.forward(request_id="r-2")
    world.forwarder.drop("10.0.0.9:9001")
    await asyncio.sleep(0)
    assert world.failures == []
    world.forwarder.drop(OWNER.address)
    await asyncio.sleep(0)
    assert len(world.failures) == 2
    assert first.answers == second.answers == []


async def test_a_caller_who_goes_takes_the_relay_with_him() -> None:
    world = World()
    asked = world.forward()
    asked.invocation.leave()
    await asyncio.sleep(0)
    assert world.transport.ended
    assert world.failures == []


async def test_an_error_of_whoever_takes_the_outcome_is_not_swallowed_by_the_parser() -> None:
    world = World()

    def refuse(_: object) -> None:
        raise RuntimeError("a bug of ours")

    world.forward(answer=refuse)
    with pytest.raises(RuntimeError):
        await world.reply(make_reply(FINE))


@pytest.fixture
async def owner() -> AsyncIterator[tuple[Member, list[bytes]]]:
    """A listener that answers each request with FINE."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b'{"a":1}'))
        writer.write(make_reply(FINE))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield Member("owner", f"127.0.0.1:{port}"), heard
    server.close()


async def test_a_connection_is_made_where_none_is_kept(owner: tuple[Member, list[bytes]]) -> None:
    forwarder = HttpForwarder(make_signatures(b"k" * 32), Supervisor())
    answered = asyncio.Event()
    asked = Asked(answer=lambda outcome: answered.set())
    send(forwarder, asked, owner[0], lambda failure: pytest.fail(failure.reason))
    await answered.wait()
    assert len(owner[1]) == 1
    forwarder.close()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:no", "127.0.0.1"])
async def test_an_owner_that_cannot_be_dialled_is_told_as_unreachable(address: str) -> None:
    supervisor = Supervisor()
    forwarder = HttpForwarder(make_signatures(b"k" * 32), supervisor)
    failures: asyncio.Queue[RelayFailure] = asyncio.Queue()
    asked = Asked()
    send(forwarder, asked, Member("owner", address), failures.put_nowait)
    failure = await failures.get()
    assert failure.unreachable
    assert asked.answers == []
    await supervisor.close()
