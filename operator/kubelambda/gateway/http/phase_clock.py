"""How long a client may take for what it is doing now, other than sending a request.

Contract: keeps one deadline for one connection: of an idle client, of one that takes its answer, or
of one whose connection ends. The time of a request that is coming is ``RequestReader.deadline``.
Ends nothing itself: ``Connections.sweep`` compares, and the connection decides what follows.
"""

import asyncio

from kubelambda.core.capacity.client_limits import IDLE_S, REFUSAL_READ_S, ClientLimits
from kubelambda.gateway.http.outbox import Outbox


class PhaseClock:
    """Begins with the time that a new client has for the head of its first request."""

    def __init__(self, outbox: Outbox, limits: ClientLimits) -> None:
        self._outbox = outbox
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._unread_bytes = 0
        """What the client had not taken when ``start_writing`` was called."""
        self.deadline = self._loop.time() + limits.head_timeout_s

    def start_idle(self) -> None:
        """The client owes nothing and is owed nothing."""
        self.deadline = self._loop.time() + IDLE_S

    def start_writing(self) -> None:
        """The client has ``write_timeout_s`` to take a share of what waits for it."""
        self.deadline = self._loop.time() + self._limits.write_timeout_s
        self._unread_bytes = self._outbox.count_unread()

    def start_lingering(self) -> None:
        """The connection ends; what the client still sends is read for a moment."""
        self.deadline = self._loop.time() + REFUSAL_READ_S

    def is_being_read(self) -> bool:
        """Whether the client has read fast enough since ``start_writing``, and more is left."""
        if self._outbox.is_empty:
            return False
        return self._outbox.count_unread() <= self._unread_bytes - self._limits.least_read()
