"""The other gateways as this one has heard from them, and the invocations that they hold.

Contract: no I/O and no decisions; rule M5 of ``core.coordination.membership`` says what counts for
how long. A gateway that has restarted is a new one; what it held before (its former self) counts
for a while longer. ``now`` is the clock of the event loop.
"""

from collections.abc import Callable, Collection

from kubelambda.core.coordination.membership import DEAD_S, Heartbeat, Peer, count_elsewhere
from kubelambda.core.model.function import FunctionRef

FORMER_S_MAX = 10 * DEAD_S
"""How long a former self is kept after its last heartbeat; it stops counting earlier."""


class KnownPeers:
    """The other gateways, by name."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._peers: dict[str, Peer] = {}
        self._former: list[Peer] = []
        self._silent: set[str] = set()
        """Addresses that are not heard from any more, as ``take_silent`` returned them."""

    def __contains__(self, name: str) -> bool:
        return name in self._peers

    def list_present(self) -> Collection[Peer]:
        """All that have been heard from and are not known to have restarted or died."""
        return self._peers.values()

    def list_living(self) -> list[Peer]:
        """Those that were heard from lately."""
        now = self._now()
        return [peer for peer in self._peers.values() if peer.is_alive(now)]

    def hear(self, heartbeat: Heartbeat) -> None:
        """A heartbeat of another gateway."""
        name = heartbeat.sender.name
        former = self._peers.get(name)
        if former is not None and former.heartbeat.incarnation != heartbeat.incarnation:
            self._keep_former_self(former)
        self._peers[name] = Peer(heartbeat, self._now())

    def mark_dead(self, address: str) -> None:
        """Nobody listens at ``address`` any more."""
        for peer in self.list_living():
            if peer.heartbeat.sender.address == address:
                del self._peers[peer.heartbeat.sender.name]
                self._keep_former_self(peer)

    def take_silent(self) -> set[str]:
        """The addresses that have fallen silent since the last call."""
        living = {peer.heartbeat.sender.address for peer in self.list_living()}
        silent = {peer.heartbeat.sender.address for peer in self._list_all()} - living
        new, self._silent = silent - self._silent, silent
        return new

    def forget_old(self) -> None:
        """Drop former selves that no longer count for anything."""
        now = self._now()
        self._former = [peer for peer in self._former if now - peer.heard_at < FORMER_S_MAX]

    def count_function(self, ref: FunctionRef, heard: int) -> int:
        """Invocations of ``ref`` at other gateways; ``heard`` of them have come here since."""
        if not self._peers and not self._former:
            return 0
        return count_elsewhere(
            self._list_all(), lambda one: one.in_flight.get(ref, 0), self._now(), heard=heard
        )

    def count_account(self, account_id: str) -> int:
        """Invocations of the account's unreserved functions at other gateways."""
        if not self._peers and not self._former:
            return 0
        return count_elsewhere(
            self._list_all(), lambda one: one.accounts.get(account_id, 0), self._now()
        )

    def _keep_former_self(self, peer: Peer) -> None:
        self._former.append(Peer(peer.heartbeat, min(peer.heard_at, self._now() - DEAD_S)))

    def _list_all(self) -> list[Peer]:
        return [*self._peers.values(), *self._former]
