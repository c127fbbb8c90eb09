"""The way of answers to one client: no more than it takes goes to its transport, the rest waits.

Contract: bytes leave in the order of ``write``. What waits is counted with the answers of all
clients (``gateway.http.waiting_answers``): each write whole until its last byte is with the
transport, since it is kept whole for so long, then what the transport has left. Less than
``TRANSPORT_BYTES`` there are not counted; TLS keeps up to 128 KiB more out of sight, in the
transport below its own.
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
"""Smaller, since TLS shows only with the next piece that one is stuck."""
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
        """How much of the first of them is with the transport."""
        self._written_bytes = 0
        self._taken_before = 0
        self._then: Callable[[], None] | None = None
        self._is_waiting = False
        self._is_over = False
        self.waits_since = 0.0
        self.is_paused = False
        """The transport has enough."""

    def open(self, transport: asyncio.Transport) -> None:
        """From here on there is somebody to write to."""
        self._transport = transport
        if transport.get_extra_info("sslcontext") is not None:
            self._piece_bytes = TLS_PIECE_BYTES
        transport.set_write_buffer_limits(TRANSPORT_BYTES)

    def write(self, data: bytes) -> None:
        """Write, now or when the client has taken what is before it; nothing after ``clear``."""
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
        """The transport has enough; whether the client is waited for only from here on."""
        self.is_paused = True
        if self._is_waiting:
            return False
        self._is_waiting = True
        self.waits_since = self._loop.time()
        self._taken_before = self._written_bytes - self.count_unread()
        return True

    def resume(self) -> None:
        """The transport takes more. Paused again afterwards where that was not all."""
        self.is_paused = False
        self._pump()
        self._is_waiting = self.is_paused
        self._count()
        if not self._waiting and self._then is not None:
            then, self._then = self._then, None
            then()

    def finish(self, then: Callable[[], None]) -> None:
        """Call ``then`` once all that was written is with the transport; the last call counts."""
        if self._waiting:
            self._then = then
        else:
            then()

    def hand_over(self) -> None:
        """Everything to the transport at once, which will close."""
        self.is_paused = False
        while self._waiting:
            self._hand_piece()

    def clear(self) -> None:
        """Nobody takes anything any more."""
        self._is_over = True
        self._waiting.clear()
        self._waiting_bytes = self._first_taken = 0
        self._then = None
        self._answers.hold(self, 0, 0.0)

    @property
    def is_empty(self) -> bool:
        """Whether the client's kernel or ours has everything, as far as one can see."""
        transport = self._transport
        return not self._waiting and (transport is None or not transport.get_write_buffer_size())

    def count_unread(self) -> int:
        """Bytes the client has not taken; the kernel's share moves long before the transport's."""
        if self._transport is None:
            return 0
        queued = bytearray(4)
        sock = self._transport.get_extra_info("socket")
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
