"""A relay in the older form, cut after any byte: nothing is lost, nothing begun is sent again."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.relay_outcome import OUTCOME_HEADER, encode_outcome
from kubelambda.core.wire.trunk_opening import NotSpokenError
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.peers.forwarder import Forwarder
from kubelambda.gateway.peers.http_forwarder import IDLE_CONNECTIONS_MAX, HttpForwarder
from kubelambda.gateway.peers.relay_connection import RelayConnection
from kubelambda.gateway.peers.router import Router
from kubelambda.process.supervisor import Supervisor
from unit.gateway.peers.relaying import OWNER, Asked, FakeTransport
from unit.jumping_loop import run_jumping
from unit.signing import make_signatures

OWN = Member("own", "127.0.0.1:2")
FINE = Outcome(b'"fine"')
HEADER, BODY = encode_outcome(FINE)
BEGUN = b"HTTP/1.1 102 Processing\r\n\r\n"
REPLY = BEGUN + (
    f"HTTP/1.1 200 OK\r\n{OUTCOME_HEADER}: {HEADER}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    + BODY
)


def speak_older(forwarder: Forwarder, address: str) -> HttpForwarder:
    """Let ``forwarder`` have found out that a gateway speaks no trunk."""
    forwarder._open_route(address)._speak_older(NotSpokenError("by a test"))
    return forwarder._older


class World:
    """A router and a forwarder with one kept connection to the owner.

    The owner is lost with that connection: from then on the function is this gateway's own.
    """

    def __init__(self) -> None:
        self.own = OWN
        self.view = View(7, (OWN, OWNER))
        self.owner = OWNER
        self.pooled: list[Invocation] = []
        self.supervisor = Supervisor()
        self.forwarder = Forwarder(make_signatures(b"k" * 32), self.supervisor)
        self.older = speak_older(self.forwarder, OWNER.address)
        self.connection = RelayConnection(self.older, OWNER.address)
        self.transport = FakeTransport(self.connection)
        self.connection.connection_made(self.transport)
        self.older.give_back(self.connection)
        self.router = Router(self, self, self.forwarder)  # type: ignore[arg-type]

    def find_owner(self, ref: FunctionRef) -> Member:
        return self.owner

    def suspect(self, member: Member) -> None:
        self.owner = OWN

    def submit(self, invocation: Invocation) -> None:
        self.pooled.append(invocation)


def abort(world: World) -> None:
    world.transport.abort()


def lose_node(world: World) -> None:
    world.forwarder.drop(OWNER.address)


def stop(world: World) -> None:
    world.forwarder.close()


@pytest.mark.parametrize("cut", [abort, lose_node, stop])
def test_after_any_byte_the_event_is_answered_or_sent_again_but_never_both(
    cut: Callable[[World], None],
) -> None:
    """P1: it is sent again only where no byte said that it had begun."""

    async def cut_after(count: int) -> None:
        world, asked = World(), Asked()
        world.router.submit(asked.invocation)
        world.connection.data_received(REPLY[:count])
        cut(world)
        await asyncio.sleep(1)
        if count < len(BEGUN):
            assert (world.pooled, asked.answers) == ([asked.invocation], [])
        else:
            assert asked.answers == [FINE if count == len(REPLY) else Dropped()]
            assert world.pooled == []
        assert len(world.transport.written) == 1
        await world.supervisor.close()

    async def cut_after_each() -> None:
        for count in range(len(REPLY) + 1):
            await cut_after(count)

    run_jumping(cut_after_each())


def test_a_caller_who_goes_after_any_byte_is_not_answered_and_nothing_is_sent_again() -> None:
    async def leave_after_each() -> None:
        for count in range(len(REPLY)):
            world, asked = World(), Asked()
            world.router.submit(asked.invocation)
            world.connection.data_received(REPLY[:count])
            asked.invocation.leave()
            await asyncio.sleep(1)
            assert (world.pooled, asked.answers) == ([], [])
            assert world.transport.ended, "the owner understands it so"
            await world.supervisor.close()

    run_jumping(leave_after_each())


@pytest.mark.parametrize("begun", [False, True])
def test_an_owner_that_is_given_up_between_two_tries_is_asked_no_more(*, begun: bool) -> None:
    """The pause before the next try is over when the caller has gone, or was answered."""

    async def give_up() -> None:
        world, asked = World(), Asked()
        world.router.submit(asked.invocation)
        abort(world)
        await asyncio.sleep(0.1)
        if begun:
            asked.invocation.begin()
        asked.invocation.finish(Dropped())
        await asyncio.sleep(1)
        assert (world.pooled, len(asked.answers)) == ([], 1)
        await world.supervisor.close()

    run_jumping(give_up())


async def test_a_caller_who_goes_while_the_owner_is_dialled_has_nothing_sent() -> None:
    heard = bytearray()
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            heard.extend(await reader.read())
        writer.close()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    owner = Member("owner", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    supervisor = Supervisor()
    forwarder = Forwarder(make_signatures(b"k" * 32), supervisor)
    asked = Asked()
    forwarder.forward(asked.invocation, owner, 7, lambda failure: pytest.fail(failure.reason))
    asked.invocation.leave()
    async with asyncio.timeout(20):
        await closed.wait()
    assert (heard.count(b"\r\n\r\n"), asked.answers) == (1, []), "the opening, and no event"
    server.close()
    await supervisor.close()


async def test_a_process_that_ends_while_it_dials_leaves_no_task_and_no_connection() -> None:
    world, asked = World(), Asked()
    world.forwarder.close()
    await asyncio.sleep(0)
    world.forwarder.forward(asked.invocation, OWNER, 7, lambda failure: None)
    await world.supervisor.close()
    assert asked.answers == []
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_no_more_idle_connections_are_kept_than_the_limit() -> None:
    world = World()
    transports = []
    for _ in range(IDLE_CONNECTIONS_MAX):
        connection = RelayConnection(world.older, OWNER.address)
        transports.append(FakeTransport(connection))
        connection.connection_made(transports[-1])
        world.older.give_back(connection)
    assert [one.ended for one in transports].count(True) == 1
    world.forwarder.close()
    await asyncio.sleep(0)
    assert all(one.ended for one in (*transports, world.transport))
