"""This gateway's part in agreeing which gateway owns a function: heartbeats and a view.

Contract: the decisions are ``core.coordination.membership``'s; this module keeps the view and says
when heartbeats are sent. A gateway that finds no other serves alone. ``leave`` gives its functions
away and returns when the others were told. Lives on the event loop; heartbeats travel through the
port ``HeartbeatSender``.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from kubelambda.core.coordination.membership import (
    Heartbeat,
    Member,
    View,
    choose_view,
    is_credible,
    plan_view,
)
from kubelambda.core.model.function import FunctionRef
from kubelambda.gateway.peers.known_peers import KnownPeers

logger = logging.getLogger(__name__)

PERIOD_S = 0.5
START_PERIOD_S = 0.05
OWNERS_MAX = 10_000
HEARD_S = 2.75
"""Less than DEAD_S, and more than two rounds take if a peer does not answer."""

FindPeers = Callable[[], Awaitable[Sequence[str]]]


class PeerUnreachableError(Exception):
    """A heartbeat did not arrive. ``refused``: nobody listens there, so the peer is dead."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class HeartbeatSender(Protocol):
    """How heartbeats reach other gateways."""

    async def exchange(self, address: str, heartbeat: Heartbeat) -> Heartbeat:
        """Deliver ``heartbeat``; the other's own in reply, or PeerUnreachableError."""
        ...


class Load(Protocol):
    """What this gateway holds, for its heartbeats."""

    def in_flight_by_function(self) -> Mapping[FunctionRef, int]:
        """Slots in use; zeros left out."""
        ...

    def in_flight_by_account(self) -> Mapping[str, int]:
        """Slots in use of functions without a reservation; zeros left out."""
        ...


class Membership:
    """The view of this gateway.

    ``on_change`` is called after each new view, ``on_dead`` with the address of a gateway that has
    fallen silent without leaving. ``now_ms`` is unix time.
    """

    def __init__(
        self,
        own: Member,
        *,
        sender: HeartbeatSender,
        find_peers: FindPeers | None,
        load: Load,
        is_ready: Callable[[], bool],
        on_change: Callable[[], None],
        on_dead: Callable[[str], None],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.own = own
        self.view = View()
        self._owners: dict[FunctionRef, Member | None] = {}
        """The owners by ``view``: hashing over all members again for every event costs more."""
        self._sender = sender
        self._find_peers = find_peers
        self._load = load
        self._is_ready = is_ready
        self._on_change = on_change
        self._on_dead = on_dead
        self._now_ms = now_ms
        self._incarnation = now_ms()
        self._highest_epoch = 0
        self._settled = find_peers is None
        self._leaving = False
        self._wanted = asyncio.Event()
        self._viewed = asyncio.Event()
        self._rounded = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._peers = KnownPeers(self._loop.time)
        self._heard_at = float("-inf")
        """When the last completed round of heartbeats began."""

    # what others ask

    def find_owner(self, ref: FunctionRef) -> Member | None:
        """The owner of ``ref``; None while this gateway knows no view."""
        if ref not in self._owners:
            if len(self._owners) >= OWNERS_MAX:
                self._owners.clear()
            self._owners[ref] = self.view.find_owner(ref)
        return self._owners[ref]

    def count_function(self, ref: FunctionRef, heard: int) -> int:
        """Invocations of ``ref`` at other gateways (``KnownPeers.count_function``)."""
        return self._peers.count_function(ref, heard)

    def count_account(self, account_id: str) -> int:
        """Invocations of the account's unreserved functions at other gateways."""
        return self._peers.count_account(account_id)

    async def wait_for_epoch(self, epoch: int, timeout_s: float) -> None:
        """Return when the view's epoch is at least ``epoch``, or after ``timeout_s``."""
        end = self._loop.time() + timeout_s
        while self.view.epoch < epoch and (left_s := end - self._loop.time()) > 0:
            await _wait(self._viewed, left_s)

    @property
    def may_count_as_dead(self) -> bool:
        """Whether others may have made a view without this gateway: it stood still (M7)."""
        if self._find_peers is None:
            return False
        return self._loop.time() - self._heard_at > HEARD_S

    async def wait_until_heard(self, timeout_s: float) -> None:
        """Return when heartbeats say whether this gateway still counts, or after ``timeout_s``."""
        end = self._loop.time() + timeout_s
        while self.may_count_as_dead and (left_s := end - self._loop.time()) > 0:
            await _wait(self._rounded, left_s)

    # what others say

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take in another gateway's heartbeat, whose signature has been checked."""
        if heartbeat.sender.name == self.own.name:
            return
        self._peers.hear(heartbeat)
        self._note_epoch(heartbeat.view.epoch)
        self._consider(choose_view(self.view, heartbeat.view, self._now_ms()))

    def take_proved_epoch(self, epoch: int) -> None:
        """An agent has obeyed a gateway of this epoch, and brings that gateway's word for it (M3).

        Nothing that an agent says without it may come here.
        """
        if self._note_epoch(epoch):
            self._loop.call_soon(self._reconsider)

    def is_credible(self, epoch: int) -> bool:
        """Whether a gateway can have made ``epoch`` by now (M6)."""
        return is_credible(epoch, self._now_ms())

    def _note_epoch(self, epoch: int) -> bool:
        if epoch <= self._highest_epoch or not self.is_credible(epoch):
            return False
        self._highest_epoch = epoch
        return True

    def _reconsider(self) -> None:
        self._consider(self.view)

    def suspect(self, member: Member) -> None:
        """A connection to ``member`` failed: ask it at once instead of at the next heartbeat."""
        if member.name in self._peers:
            self._wanted.set()

    # starting, running, leaving

    def start(self) -> None:
        """Make the view of a gateway that is alone, if there are no others to ask."""
        self._consider(self.view)

    async def run(self) -> None:
        """Exchange heartbeats until cancelled."""
        while True:
            await self._round()
            serving = self.view.epoch and self._heartbeat().serving
            try:
                async with asyncio.timeout(PERIOD_S if serving else START_PERIOD_S):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()

    async def leave(self) -> None:
        """Own nothing any more, and say so to everybody; returns when they were told."""
        self._leaving = True
        await self._round()

    async def _round(self) -> None:
        began_at = self._loop.time()
        if self._find_peers is not None:
            addresses = await self._list_addresses(self._find_peers)
            if addresses is not None:
                await asyncio.gather(*(self._exchange(one) for one in addresses))
                self._settled = True
            for address in self._peers.take_silent():
                self._on_dead(address)
        self._consider(self.view)
        self._heard_at = began_at
        self._rounded.set()
        self._rounded = asyncio.Event()

    async def _list_addresses(self, find_peers: FindPeers) -> set[str] | None:
        try:
            found = set(await find_peers())
        except OSError as error:
            logger.warning("cannot find the other gateways: %s", error)
            found = set()
            if not self._settled:
                return None
        known = {peer.heartbeat.sender.address for peer in self._peers.list_living()}
        members = {member.address for member in self.view.members}
        return (found | known | members) - {self.own.address}

    async def _exchange(self, address: str) -> None:
        try:
            self.hear(await self._sender.exchange(address, self._heartbeat()))
        except PeerUnreachableError as error:
            if error.refused:
                self._peers.mark_dead(address)
            logger.debug("no heartbeat to %s: %s", address, error)

    def answer(self, heartbeat: Heartbeat) -> Heartbeat:
        """Hear ``heartbeat`` and reply with this gateway's own."""
        self.hear(heartbeat)
        return self._heartbeat()

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(
            sender=self.own,
            view=self.view,
            serving=self._settled and not self._leaving and self._is_ready(),
            in_flight=self._load.in_flight_by_function(),
            accounts=self._load.in_flight_by_account(),
            incarnation=self._incarnation,
        )

    def _consider(self, view: View) -> None:
        own = replace(self._heartbeat(), view=view)
        view = plan_view(
            own,
            self._peers.list_present(),
            highest_epoch=self._highest_epoch,
            now=self._loop.time(),
            now_ms=self._now_ms(),
        )
        self._peers.forget_old()
        if view == self.view:
            return
        self.view = view
        self._owners.clear()
        self._note_epoch(view.epoch)
        names = ", ".join(member.name for member in view.members)
        logger.info("epoch %d: the gateways are %s", view.epoch, names)
        self._viewed.set()
        self._viewed = asyncio.Event()
        self._wanted.set()
        self._on_change()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
