"""One end of a trunk: frames in and out of one connection, its credit, its pings, its end.

Contract: docs/forwarding.md. What is written in one round of the loop leaves in one write, unless
``flush`` sends it at once. An end that hears nothing for some periods of PING_S, although it has
asked, takes the other one for dead and cuts the connection, unless it stood still itself. A payload
that has begun to move and of which nothing moves for ``stall_s`` is given up, alone. A broken rule
ends the connection, after what was said before it; a bug that one frame meets ends nothing but that
frame's work.
``TrunkProtocol`` is what the loop calls.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, cast

from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.relay import MalformedRelayError
from kubelambda.core.wire.trunk_flow import CREDIT_STEP_BYTES, FlowSender, Outgoing
from kubelambda.core.wire.trunk_frames import FrameCutter, TrunkProtocolError
from kubelambda.process.keepalive import set_keepalive

logger = logging.getLogger(__name__)

PING_S: Final = 4.0
SILENT_PERIODS_MAX: Final = 2
STALL_S: Final = 60.0
"""Twice as long as the client of an event stream may hold it up (``ClientLimits``)."""
_PAID: Final = frozenset({frames.EVENT, frames.OUTCOME, frames.DATA})
"""What counts against the connection's window."""


class TrunkEnd:
    """What both ends do alike; ``take`` is what they do differently."""

    def __init__(self, ping_s: float = PING_S, stall_s: float = STALL_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._cutter = FrameCutter()
        self._pieces: list[bytes] = []
        self._unreturned = 0
        self._ping_s = ping_s
        self._stall_periods = stall_s / ping_s
        self._silent_periods = 0
        self._tick_at = 0.0
        self.credited_at = 0.0
        """When the other end last said that it had read something of payloads."""
        self._timer: asyncio.TimerHandle | None = None
        self.sender = FlowSender(self.write)
        self.is_open = False
        """Whether both ends have proved themselves and nothing has ended the connection."""
        self.is_broken = False
        """Whether the other end broke a rule, so that what it said after that was not read."""

    # for the loop, by way of TrunkProtocol

    def connected(self, transport: asyncio.Transport) -> None:
        """The connection stands."""
        self._transport = transport
        set_keepalive(transport.get_extra_info("socket"))
        transport.set_write_buffer_limits(high=0)  # whatever the kernel does not take blocks DATA

    def receive(self, data: bytes) -> None:
        """Bytes of the other end."""
        self._silent_periods = 0
        broken: TrunkProtocolError | None = None
        try:
            cut: Sequence[tuple[int, int, bytes]] = self._cutter.feed(data)
        except TrunkProtocolError as error:
            cut, broken = error.before, error
        try:
            for frame_type, stream, payload in cut:
                if frame_type in _PAID:
                    self._unreturned += len(payload)
                try:
                    if stream:
                        self.take(frame_type, stream, payload)
                    else:
                        self._take_own(frame_type, payload)
                except (TrunkProtocolError, MalformedRelayError):
                    raise
                except Exception:
                    logger.exception("frame 0x%02x of stream %d", frame_type, stream)
            if broken is not None:
                raise broken
        except (TrunkProtocolError, MalformedRelayError) as error:
            logger.warning("the trunk with %s ended: %s", self.describe(), error)
            self.is_broken = True
            self.abort()
        if self._unreturned >= CREDIT_STEP_BYTES:
            self.write(frames.encode_credit(0, self._unreturned))
            self._unreturned = 0

    def lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self.is_open = False
        self._transport = None  # uvloop raises where one writes to it now
        self._pieces.clear()
        self.sender.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def block(self, *, is_blocked: bool) -> None:
        """Whether the kernel takes no more."""
        self.sender.is_blocked = is_blocked
        self.sender.pump()

    # for its own class

    def describe(self) -> str:
        """The other gateway, for a log."""
        raise NotImplementedError

    def take(self, frame_type: int, stream: int, payload: bytes) -> None:
        """One frame of a stream."""
        raise NotImplementedError

    def list_held_up(self) -> Sequence[Outgoing]:
        """The streams of which a payload is on its way, in either direction."""
        raise NotImplementedError

    def give_up(self, stream: Outgoing) -> None:
        """Nothing of a payload has moved for too long."""
        raise NotImplementedError

    def take_proof(self, payload: bytes) -> None:
        """The first frame of the gateway that has dialled."""
        raise TrunkProtocolError("a proof that was not asked for")

    def take_goaway(self) -> None:
        """The other gateway is stopping."""
        raise TrunkProtocolError("only an owner says goodbye")

    def open(self) -> None:
        """Both ends have proved themselves, or the other one will with its first frame."""
        self.is_open = True
        self._wait_for_tick()

    def write(self, data: bytes) -> None:
        """Write whole frames, with all else that is written in this round."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)

    def write_now(self, data: bytes) -> None:
        """Hand whole frames to the kernel, after those that have been written before."""
        if self._pieces:
            self._pieces.append(data)
            self.flush()
        elif self._transport is not None:
            self._transport.write(data)

    def flush(self) -> None:
        """Hand to the kernel what has been written."""
        pieces = self._pieces
        if pieces and self._transport is not None:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._pieces = []
            self._transport.write(data)

    def close(self) -> None:
        """Close after what has been written."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.is_open = False
        self._pieces.clear()
        if self._transport is not None:
            self._transport.abort()

    def _take_own(self, frame_type: int, payload: bytes) -> None:
        if frame_type == frames.CREDIT:
            self.credited_at = self._loop.time()
            self.sender.add_connection_credit(frames.decode_credit(payload))
        elif frame_type == frames.PING:
            self.write(frames.encode_frame(frames.PONG, 0))
        elif frame_type == frames.PROOF:
            self.take_proof(payload)
        elif frame_type == frames.GOAWAY:
            self.take_goaway()

    def _wait_for_tick(self) -> None:
        self._tick_at = self._loop.time() + self._ping_s
        self._timer = self._loop.call_at(self._tick_at, self._tick)

    def _tick(self) -> None:
        if self._loop.time() > self._tick_at + self._ping_s / 2:
            self._silent_periods = 0  # this process stood still: what it was sent is not read yet
        else:
            for stream in self.list_held_up():
                if stream.count_still() >= self._stall_periods:
                    self.give_up(stream)
        if self._silent_periods >= SILENT_PERIODS_MAX:
            logger.warning("the trunk with %s ended: it is silent", self.describe())
            self.abort()
            return
        if self._silent_periods:
            self.write(frames.encode_frame(frames.PING, 0))
        self._silent_periods += 1
        self._wait_for_tick()


class TrunkProtocol(asyncio.Protocol):
    """The loop's calls, handed on: a compiled class cannot inherit from ``asyncio.Protocol``."""

    def __init__(self, end: TrunkEnd) -> None:
        self._end = end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._end.connected(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Bytes of the other end."""
        self._end.receive(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._end.lost(error)

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        self._end.block(is_blocked=True)

    def resume_writing(self) -> None:
        """The kernel takes more."""
        self._end.block(is_blocked=False)
