"""Forwarder: one trunk to each gateway, or the older form where none is spoken (real sockets)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from kubelambda.core.coordination.membership import Member
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.core.wire.relay import RelayRequest
from kubelambda.core.wire.trunk_opening import encode_refusal
from kubelambda.gateway.http.body_budget import BodyBudget
from kubelambda.gateway.peers import trunk_route
from kubelambda.gateway.peers.forwarder import Forwarder
from kubelambda.gateway.peers.relay import RelayFailure
from kubelambda.gateway.peers.served_stream import ServedStream
from kubelambda.gateway.peers.trunk_listener import TrunkListener
from kubelambda.process.supervisor import Supervisor
from release_0 import relay as old_relay
from unit.gateway.peers.relaying import Asked
from unit.signing import make_signatures

KEY = b"k" * 32
FINE = Outcome(b'"fine"')


class FirstBytes(asyncio.Protocol):
    """The internal listener without links: hands each connection on with its first bytes."""

    def __init__(self, take: Callable[[asyncio.Transport, bytes], None]) -> None:
        self._take = take

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._take(self._transport, data)


class Owner:
    """A gateway that serves every event with FINE, at once."""

    def __init__(self) -> None:
        self.connections = 0
        self.served: list[tuple[RelayRequest, ServedStream]] = []
        self.answers = True

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: FirstBytes(self._accept), "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.member = Member("owner", f"127.0.0.1:{port}")
        self.listener = TrunkListener(
            make_signatures(KEY),
            address=self.member.address,
            budget=BodyBudget(10_000_000),
            answers=BodyBudget(10_000_000),
            serve=self._serve,
            serve_http=lambda transport, received: transport.abort(),
        )

    def _accept(self, transport: asyncio.Transport, received: bytes) -> None:
        self.connections += 1
        self.listener.accept(transport, received)

    def _serve(self, request: RelayRequest, payload: bytes, stream: ServedStream) -> None:
        self.served.append((request, stream))
        if self.answers:
            stream.begin()
            stream.complete(FINE)

    async def stop(self) -> None:
        self.server.close()
        self.listener.abort()
        await asyncio.sleep(0.01)


class Asker:
    """A forwarder, and what became of its events."""

    def __init__(self) -> None:
        self.supervisor = Supervisor()
        self.forwarder = Forwarder(make_signatures(KEY), self.supervisor, chance=lambda: 0.0)
        self.failures: asyncio.Queue[RelayFailure] = asyncio.Queue()

    def forward(self, owner: Member, **changes: Any) -> tuple[Asked, asyncio.Event]:
        answered = asyncio.Event()
        asked = Asked(**changes)
        asked.invocation.answer = lambda outcome: (asked.answers.append(outcome), answered.set())
        self.forwarder.forward(asked.invocation, owner, 7, self.failures.put_nowait)
        return asked, answered

    async def stop(self) -> None:
        self.forwarder.close()
        await self.supervisor.close()
        await asyncio.sleep(0.01)


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    one = Owner()
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    one = Asker()
    yield one
    await one.stop()


async def test_all_events_for_one_gateway_go_over_one_connection(
    owner: Owner, asker: Asker
) -> None:
    """Those that come while it is being opened wait for it."""
    asked = [asker.forward(owner.member) for _ in range(20)]
    for one, answered in asked:
        await answered.wait()
        assert one.answers == [FINE]
    asked.append(asker.forward(owner.member))
    await asked[-1][1].wait()
    assert (owner.connections, len(owner.served)) == (1, 21)


async def test_a_gateway_that_is_dropped_while_it_is_dialled_keeps_no_connection(
    owner: Owner, asker: Asker
) -> None:
    """At whatever moment of the opening that happens."""
    for rounds in range(60):
        asker.forward(owner.member)
        for _ in range(rounds):
            await asyncio.sleep(0)
        asker.forwarder.drop(owner.member.address)
        for _ in range(rounds):
            await asyncio.sleep(0)
    async with asyncio.timeout(30):
        while owner.listener._open or owner.listener._unproved:
            await asyncio.sleep(0.01)


async def test_two_gateways_that_ask_each_other_have_a_connection_each_way() -> None:
    owners = [Owner(), Owner()]
    askers = [Asker(), Asker()]
    for one in owners:
        await one.start()
    asked = [asker.forward(owner.member) for asker, owner in zip(askers, owners, strict=True)]
    for _, answered in asked:
        await answered.wait()
    assert [one.connections for one in owners] == [1, 1]
    for asker, owner in zip(askers, owners, strict=True):
        await asker.stop()
        await owner.stop()


async def test_an_event_whose_caller_goes_while_the_trunk_is_opened_is_not_sent(
    owner: Owner, asker: Asker
) -> None:
    gone, _ = asker.forward(owner.member)
    gone.invocation.leave()
    _, answered = asker.forward(owner.member, request_id="r-2")
    await answered.wait()
    assert [request.request_id for request, _ in owner.served] == ["r-2"]


async def test_a_trunk_that_is_lost_is_dialled_again(owner: Owner, asker: Asker) -> None:
    _, answered = asker.forward(owner.member)
    await answered.wait()
    owner.answers = False
    asker.forward(owner.member)
    while len(owner.served) < 2:
        await asyncio.sleep(0.001)
    owner.listener.abort()
    failure = await asker.failures.get()
    assert (failure.reason, failure.unreachable) == ("the connection was lost: None", True)
    owner.answers = True
    _, answered = asker.forward(owner.member)
    await answered.wait()
    assert owner.connections == 2


async def test_a_gateway_that_is_dead_is_dropped_with_all_that_waits_for_it(
    owner: Owner, asker: Asker
) -> None:
    owner.answers = False
    for _ in range(3):
        asker.forward(owner.member)
    while len(owner.served) < 3:
        await asyncio.sleep(0.001)
    asker.forwarder.drop("10.0.0.9:9001")
    asker.forwarder.drop(owner.member.address)
    asker.forward(owner.member)
    asker.forwarder.drop(owner.member.address)
    failures = [await asker.failures.get() for _ in range(4)]
    assert {one.reason for one in failures} == {"the connection was lost: None"}


async def test_a_gateway_that_dies_while_it_is_stopping_is_dropped_with_what_it_has(
    owner: Owner, asker: Asker
) -> None:
    owner.answers = False
    asker.forward(owner.member)
    while not owner.served:
        await asyncio.sleep(0.001)
    owner.listener.go_away()
    await asyncio.sleep(0.02)
    asker.forwarder.drop(owner.member.address)
    assert (await asker.failures.get()).reason == "the connection was lost: None"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:no", "127.0.0.1"])
async def test_an_owner_that_cannot_be_dialled_is_told_as_unreachable(
    asker: Asker, address: str
) -> None:
    asked = [asker.forward(Member("owner", address)) for _ in range(3)]
    for _ in asked:
        failure = await asker.failures.get()
        assert failure.unreachable
        assert failure.reason.startswith("cannot connect: ")
    assert all(one.answers == [] for one, _ in asked)


async def test_an_owner_that_cannot_be_dialled_is_dialled_less_and_less_often(
    asker: Asker,
) -> None:
    loop, took = asyncio.get_running_loop(), []
    for _ in range(3):
        began = loop.time()
        asker.forward(Member("owner", "127.0.0.1:1"))
        await asker.failures.get()
        took.append(loop.time() - began)
    least = trunk_route.RETRY_S_MIN / 2
    assert took[1] >= least - 0.001
    assert took[2] >= 2 * least - 0.001


async def test_an_owner_that_says_nothing_is_given_up(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk_route, "CONNECT_S", 0.05)
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    member = Member("owner", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    asker.forward(member)
    failure = await asker.failures.get()
    assert failure.unreachable
    server.close()


# the release before


class OldGateway:
    """A gateway of the release before (``release_0.relay``): ``refusal`` answers an opening."""

    def __init__(self, refusal: bytes) -> None:
        self.refusal = refusal
        self.openings = 0
        self.events: list[old_relay.RelayRequest] = []

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.member = Member("owner", f"127.0.0.1:{port}")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _read_head(reader):
            line, *lines = head.split("\r\n")
            if not line.startswith(f"POST {old_relay.RELAY_PATH} "):
                self.openings += 1
                writer.write(self.refusal)
                break
            headers = dict(one.split(": ", 1) for one in lines)
            body = await reader.readexactly(int(headers["Content-Length"]))
            meta, signature = headers[old_relay.META_HEADER], headers[SIGNATURE_HEADER]
            now_s = int(signature.partition(":")[0])
            assert old_relay.verify_relay(KEY, signature, meta, body, now_s)
            try:
                self.events.append(old_relay.decode_request(meta))
            except old_relay.MalformedRelayError:
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                continue
            outcome, payload = old_relay.encode_outcome(FINE)
            writer.write(
                b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n"
                + f"{old_relay.OUTCOME_HEADER}: {outcome}\r\n".encode()
                + f"Content-Length: {len(payload)}\r\n\r\n".encode()
                + payload
            )
        writer.close()


async def _read_head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n"))[:-4].decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        encode_refusal("426 Upgrade Required"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
async def test_a_gateway_of_the_release_before_gets_every_event_as_it_reads_it(
    asker: Asker, refusal: bytes
) -> None:
    """It is asked for a trunk once, not with each event."""
    old = OldGateway(refusal)
    await old.start()
    for number in range(5):
        asked, answered = asker.forward(old.member, request_id=f"r-{number}")
        await answered.wait()
        assert asked.answers == [FINE]
        assert asked.invocation.begun
    assert [one.request_id for one in old.events] == [f"r-{number}" for number in range(5)]
    assert old.openings == 1
    old.server.close()


async def test_a_gateway_that_was_of_the_release_before_is_asked_again_after_a_while(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While that goes on its events still take the older form."""
    monkeypatch.setattr(trunk_route, "OLDER_S", 0.0)
    old = OldGateway(encode_refusal("404 Not Found"))
    await old.start()
    for _ in range(3):
        _, answered = asker.forward(old.member)
        await answered.wait()
        await asyncio.sleep(0.02)
    assert old.openings > 1
    assert len(old.events) == 3
    old.server.close()


async def test_a_gateway_that_was_dead_is_asked_anew(asker: Asker) -> None:
    """What is remembered of an address goes with the gateway that had it."""
    old = OldGateway(encode_refusal("404 Not Found"))
    await old.start()
    for _ in range(2):
        _, answered = asker.forward(old.member)
        await answered.wait()
        asker.forwarder.drop(old.member.address)
    assert old.openings == 2
    old.server.close()


async def test_a_process_that_ends_while_it_dials_leaves_no_task(owner: Owner) -> None:
    asker = Asker()
    asker.forward(owner.member)
    await asker.stop()
    assert [one for one in asyncio.all_tasks() if "trunk" in one.get_name()] == []
