"""What the clients of a listener may cost: connections, times, bytes (F14, F15).

Contract: counts, and refuses what would exceed a limit: connections in all and by address, bodies
by kind and address (``gateway.http.body_budget``). Answers are never refused; the slowest readers
are cut to make room for them (``gateway.http.waiting_answers``). Does no I/O itself. Each phase of
a request is limited in time: the whole head must arrive within its time, while a body and an answer
have as long as they keep up a minimum rate. ``sweep`` ends the connections that are late.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kubelambda.core.capacity.client_limits import SMALL_BODIES_BYTES, ClientLimits
from kubelambda.gateway.http.body_budget import BodyBudget
from kubelambda.gateway.http.spool import Spool
from kubelambda.gateway.http.waiting_answers import WaitingAnswers

logger = logging.getLogger(__name__)

OpenSpool = Callable[[Callable[[], None]], Spool]
"""Makes a new spool, which calls the function it is given when it has room again."""


class ClientConnection(Protocol):
    """What ``Connections`` knows of one connection."""

    @property
    def deadline(self) -> float:
        """When what the client is doing now has taken too long, on the loop's clock."""
        ...

    def expire(self) -> None:
        """``deadline`` has passed: end the connection, or give it more time."""
        ...

    def finish(self) -> None:
        """The server is stopping: end the connection after what is being served."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


def _ignore(_: str) -> None:
    """Nobody counts the clients that are cut."""


@dataclass(slots=True)
class Connections:
    """All open connections of a listener."""

    limits: ClientLimits = field(default_factory=ClientLimits)
    open: set[ClientConnection] = field(default_factory=set)
    by_address: dict[str, int] = field(default_factory=dict)
    leaving: bool = False
    """Set while the server is about to stop: each answer is the last one of its connection."""
    on_cut: Callable[[str], None] = _ignore
    """Called for each client that is cut for reading slowly, with the reason: ``pace`` if it was
    below the minimum rate, ``room`` if it was the slowest when memory was short."""
    open_spool: OpenSpool | None = None
    """Makes the place for an upload; None if uploads are not kept."""
    answers: WaitingAnswers = field(init=False)
    payloads: BodyBudget = field(init=False)
    uploads: BodyBudget = field(init=False)
    _emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answers = WaitingAnswers(self.limits.answers_bytes_max)
        self.payloads = BodyBudget(self.limits.bodies_bytes_max, SMALL_BODIES_BYTES)
        self.uploads = BodyBudget(self.limits.uploads_bytes_max)

    def count_in(self, connection: ClientConnection, address: str) -> bool:
        """Count ``connection``; False if a limit is reached."""
        count, limits = self.by_address.get(address, 0), self.limits
        if len(self.open) >= limits.connections_max or count >= limits.connections_per_address_max:
            return False
        self.open.add(connection)
        self.by_address[address] = count + 1
        return True

    def count_out(self, connection: ClientConnection, address: str) -> None:
        """Count ``connection`` no more; a second call changes nothing."""
        if connection in self.open:
            self.open.discard(connection)
            self.by_address[address] -= 1
            if not self.by_address[address]:
                del self.by_address[address]
            if not self.open:
                self._emptied.set()

    async def wait_closed(self) -> None:
        """Return when no connection is open."""
        while self.open:
            self._emptied.clear()
            await self._emptied.wait()

    def abort(self) -> None:
        """Close every connection at once, answered or not."""
        for connection in list(self.open):
            connection.abort()

    def sweep(self, now: float) -> None:
        """End the connections whose phase has taken too long."""
        for connection in [one for one in self.open if now > one.deadline]:
            try:
                connection.expire()
            except Exception:
                logger.exception("a late connection cannot be ended as it should; it is cut")
                connection.abort()
