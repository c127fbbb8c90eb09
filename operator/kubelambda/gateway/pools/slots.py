"""Concurrency: the invocations in flight here and at other gateways; whether one more may begin.

Contract: decisions are ``core.capacity.concurrency``'s. Concurrency is the function's: it is
counted over $LATEST and all published versions together. A slot is taken by the function's object:
what still runs of a deleted function counts against its account, never against a successor of its
name. Lives on the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from kubelambda.core.capacity.concurrency import classify_throttle
from kubelambda.core.model.function import FunctionRef
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.pools.function_pool import FunctionPool


class PeerCounts(Protocol):
    """What other gateways hold."""

    def count_function(self, ref: FunctionRef, heard: int) -> int:
        """Invocations of a function, all versions; ``heard`` have since been recovered here."""
        ...

    def count_account(self, account_id: str) -> int:
        """Invocations of an account's functions without a reservation."""
        ...


class TakenSlot:
    """The slot of one invocation; a driver of ``invocation.Slot``."""

    __slots__ = ("_account", "_pool", "_slots")

    def __init__(self, slots: "Slots", pool: FunctionPool, account: str) -> None:
        self._slots = slots
        self._pool = pool
        self._account = account
        """Empty if it does not count for the account."""

    def release(self) -> None:
        """Give it back, as it was taken: the function may have changed since."""
        self._slots.give_back(self._pool, self._account)


class Slots:
    """The slots of all pools of a gateway; ``on_released`` is called when one has come back."""

    def __init__(
        self, peer_counts: PeerCounts, on_released: Callable[[FunctionPool], None]
    ) -> None:
        self._peer_counts = peer_counts
        self._on_released = on_released
        self._in_flight = 0
        self._by_account: dict[str, int] = {}
        self._released = asyncio.Event()

    def find_throttle(self, pool: FunctionPool) -> str:
        """Empty if one more invocation may begin, else the throttle's Reason."""
        function = pool.function
        if function.reserved_concurrency is not None:
            versions = pool.versions
            recovering = versions.recovering
            at_peers = self._peer_counts.count_function(versions.ref, recovering)
            in_flight = versions.in_flight + recovering + at_peers
            return classify_throttle(in_flight, function.reserved_concurrency, 0)
        account = function.account_id
        in_account = self._by_account.get(account, 0) + self._peer_counts.count_account(account)
        return classify_throttle(pool.in_flight, None, in_account)

    def take(self, pool: FunctionPool, invocation: Invocation) -> None:
        """Count ``invocation`` until it gives its slot back."""
        # LIMIT: an account's count at other gateways is up to half a second old (no leases yet).
        account = pool.function.account_id if pool.function.reserved_concurrency is None else ""
        pool.in_flight += 1
        pool.versions.in_flight += 1
        self._in_flight += 1
        if account:
            self._by_account[account] = self._by_account.get(account, 0) + 1
        invocation.slot = TakenSlot(self, pool, account)

    def give_back(self, pool: FunctionPool, account: str) -> None:
        """An invocation of ``pool``, which counted for ``account`` if any, is over."""
        pool.in_flight -= 1
        pool.versions.in_flight -= 1
        self._in_flight -= 1
        if account:
            left = self._by_account[account] - 1
            if left:
                self._by_account[account] = left
            else:
                del self._by_account[account]
        if not self._in_flight:
            self._released.set()
        self._on_released(pool)

    def count(self) -> int:
        """How many slots are taken."""
        return self._in_flight

    def count_by_account(self) -> dict[str, int]:
        """By account, over functions without a reservation; zeros left out."""
        return dict(self._by_account)

    async def wait_released(self) -> None:
        """Return when no slot is taken any more."""
        while self._in_flight:
            self._released.clear()
            await self._released.wait()
