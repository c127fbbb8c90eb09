"""Answers on their way to one client: the transport gets what the client takes, the rest waits.

Contract: bytes leave in the order of ``write``. What waits is counted among the answers of all
clients (``gateway.http.waiting_answers``). A write counts in full until its last byte has gone to
the transport, since all of it is in memory for so long; then what the transport has left counts. Up
to ``TRANSPORT_BYTES`` in the transport are not counted. With TLS, up to 128 KiB more are in the
transport below, where they cannot be seen.
"""

import asyncio
import contextlib
import fcntl
import sys
import termios
from collections import deque
from collections.abc import Callable

from kubelambda.gateway.http.waiting_answers import WaitingAnswers

PIECE_BYTES = 262_144
TLS_PIECE_BYTES = 65_536
"""Smaller, since with TLS a piece that is stuck shows only when the next one is written."""
TRANSPORT_BYTES = 4_096


class Outbox:
    """A driver of ``waiting_answers.Reader``; ``on_cut`` closes the connection at once."""

    def __init__(self, answers: WaitingAnswers, on_cut: Callable[[], None]) -> None:
        self._answers = answers
        self._on_cut = on_cut
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._piece_bytes = PIECE_BYTES
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._first_taken = 0
        """How many bytes of the first one the transport has."""
        self._written_bytes = 0
        self._taken_before = 0
        self._then: Callable[[], None] | None = None
        self._is_waiting = False
        self._is_over = False
        self.waits_since = 0.0
        self.is_paused = False
        """Set while the transport takes no more."""

    def open(self, transport: asyncio.Transport) -> None:
        """Write to ``transport`` from here on."""
        self._transport = transport
        if transport.get_extra_info("sslcontext") is not None:
            self._piece_bytes = TLS_PIECE_BYTES
        transport.set_write_buffer_limits(TRANSPORT_BYTES)

    def write(self, data: bytes) -> None:
        """Write now, or once the client has taken what comes before; ignored after ``clear``."""
        if self._is_over:
            return
        self._written_bytes += len(data)
        if self.is_paused or len(data) > self._piece_bytes:
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._pump()
        elif self._transport is not None:
            self._transport.write(data)
        if self.is_paused:
            self._count()

    def pause(self) -> bool:
        """The transport takes no more; whether the client had kept up until now."""
        self.is_paused = True
        if self._is_waiting:
            return False
        self._is_waiting = True
        self.waits_since = self._loop.time()
        self._taken_before = self._written_bytes - self.count_unread()
        return True

    def resume(self) -> None:
        """The transport takes more; it may be paused again when this returns."""
        self.is_paused = False
        self._pump()
        self._is_waiting = self.is_paused
        self._count()
        if not self._waiting and self._then is not None:
            then, self._then = self._then, None
            then()

    def finish(self, then: Callable[[], None]) -> None:
        """Call ``then`` once the transport has everything; a later call replaces an earlier one."""
        if self._waiting:
            self._then = then
        else:
            then()

    def hand_over(self) -> None:
        """Give the transport everything at once: it is about to close."""
        self.is_paused = False
        while self._waiting:
            self._hand_piece()

    def clear(self) -> None:
        """The client has left: forget what waits, and ignore what is still written."""
        self._is_over = True
        self._waiting.clear()
        self._waiting_bytes = self._first_taken = 0
        self._then = None
        self._answers.hold(self, 0, 0.0)

    @property
    def is_empty(self) -> bool:
        """Whether the client's kernel or ours has everything, as far as that can be seen."""
        transport = self._transport
        return not self._waiting and (transport is None or not transport.get_write_buffer_size())

    def count_unread(self) -> int:
        """Bytes that the client has not taken, including the kernel's, which change first."""
        if self._transport is None:
            return 0
        queued = bytearray(4)
        sock = self._transport.get_extra_info("socket")
        if sock is not None:  # with TLS there is none any more once the client has gone
            with contextlib.suppress(OSError, ValueError):
                fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, queued)
        own = self._waiting_bytes - self._first_taken + self._transport.get_write_buffer_size()
        return own + int.from_bytes(queued, sys.byteorder)

    # waiting_answers.Reader

    def measure_pace(self, now: float) -> float:
        """Bytes a second that the client has taken since it was first waited for."""
        taken = self._written_bytes - self.count_unread() - self._taken_before
        return taken / max(now - self.waits_since, 0.001)

    def cut(self) -> None:
        """Make room for other clients' answers."""
        self.clear()
        self._on_cut()

    def _pump(self) -> None:
        while self._waiting and not self.is_paused:
            self._hand_piece()

    def _hand_piece(self) -> None:
        first, start = self._waiting[0], self._first_taken
        end = start + self._piece_bytes
        if end < len(first):
            self._first_taken = end
            piece: bytes | memoryview = memoryview(first)[start:end]
        else:
            # A copy, so that the transport does not keep all of it for the sake of its end.
            piece = first[start:]
            self._waiting.popleft()
            self._waiting_bytes -= len(first)
            self._first_taken = 0
        if self._transport is not None:
            self._transport.write(piece)

    def _count(self) -> None:
        transport = self._transport
        held = self._waiting_bytes
        if transport is not None and (held or self.is_paused):
            held += transport.get_write_buffer_size()
        self._answers.hold(self, held, self._loop.time())
