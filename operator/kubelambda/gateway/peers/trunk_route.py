"""How events get to the gateway at one address: over a trunk, or in the older form.

Contract: docs/forwarding.md. Events wait while the trunk is being opened, CONNECT_S at most, and
fail together if it cannot be opened. The wait before dialling again grows with each failure. A
gateway that answers the opening with anything but a trunk is of the previous release: it gets
events in the older form, and a trunk is tried again every OLDER_S.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kubelambda.core.backoff import add_jitter, exponential_delay_s
from kubelambda.core.wire.trunk_opening import NotSpokenError
from kubelambda.gateway.peers.http_forwarder import CONNECT_S, HttpForwarder
from kubelambda.gateway.peers.relay import Relay
from kubelambda.gateway.peers.trunk import PING_S, TrunkProtocol
from kubelambda.gateway.peers.trunk_client import TrunkClient
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

OLDER_S: Final = 30.0
RETRY_S_MIN: Final = 0.1
RETRY_S_MAX: Final = 2.0
STEADY_S: Final = 5.0
"""A trunk that lasted this long is dialled again at once when it is lost."""


class TrunkRoute:
    """To the gateway at ``address``. ``chance`` gives random numbers of [0, 1) for the jitter."""

    def __init__(
        self,
        address: str,
        signatures: Signatures,
        supervisor: Supervisor,
        older: HttpForwarder,
        chance: Callable[[], float],
        stall_s: float,
    ) -> None:
        self._stall_s = stall_s
        self.address = address
        self._signatures = signatures
        self._supervisor = supervisor
        self._older = older
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._trunk: TrunkClient | None = None
        self._leaving: list[TrunkClient] = []
        """Trunks that take no new events, and may still have some in flight."""
        self._waiting: list[Relay] = []
        """Events for the trunk that is being opened."""
        self._dialling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._opened_at = 0.0
        self._not_before = 0.0
        """When the trunk may be dialled next."""
        self._is_older = False

    def send(self, relay: Relay) -> None:
        """Send it, now or when the trunk is open; a failure is told to the relay."""
        if self._trunk is not None:
            self._trunk.send(relay)
            return
        if self._is_older:
            self._older.send(relay)
            if self._loop.time() < self._not_before:
                return
        else:
            self._waiting.append(relay)
        self._dial_in_time()

    def close(self) -> None:
        """Close the trunk; what waits for it, or for an answer, fails."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._dialling is not None:
            self._dialling.cancel()
        if self._trunk is not None:
            self._trunk.abort()
        for trunk in self._leaving:
            trunk.abort()
        self._fail("the connection was lost: None")

    def _dial_in_time(self) -> None:
        if self._dialling is not None or self._timer is not None:
            return
        if self._loop.time() < self._not_before:
            self._timer = self._loop.call_at(self._not_before, self._dial_now)
        else:
            self._dial_now()

    def _dial_now(self) -> None:
        self._timer = None
        self._dialling = self._supervisor.spawn(
            f"opening the trunk to {self.address}", self._dial(), self._give_up
        )
        self._dialling.add_done_callback(self._dialled)

    def _dialled(self, _: object) -> None:
        self._dialling = None
        if self._waiting:
            self._dial_in_time()

    def _give_up(self, error: BaseException) -> None:
        self._failed(repr(error))

    async def _dial(self) -> None:
        settled: asyncio.Future[Exception | None] = self._loop.create_future()

        def settle(error: Exception | None) -> None:
            if not settled.done():
                settled.set_result(error)

        trunk = TrunkClient(
            self.address, self._signatures, settle, self._end, PING_S, self._stall_s
        )
        host, _, port = self.address.rpartition(":")
        error: Exception | None = ConnectionAbortedError("given up")
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._loop.create_connection(lambda: TrunkProtocol(trunk), host, int(port))
                trunk.start()
                error = await settled
        except (OSError, TimeoutError, ValueError) as failure:
            error = failure
        finally:
            if error is not None:  # given up at whatever moment, even once it was open
                trunk.abort()
        if error is None:
            self._opened(trunk)
        elif isinstance(error, NotSpokenError):
            self._speak_older(error)
        else:
            self._failed(f"cannot connect: {error}")

    def _opened(self, trunk: TrunkClient) -> None:
        self._is_older = False
        self._opened_at = self._loop.time()
        if not trunk.takes_events:
            self._failed("cannot connect: the connection was lost")
            return
        logger.info("a trunk to the gateway at %s is open", self.address)
        self._trunk = trunk
        waiting, self._waiting = self._waiting, []
        for relay in waiting:
            trunk.send(relay)

    def _speak_older(self, error: NotSpokenError) -> None:
        if not self._is_older:
            logger.info("the gateway at %s speaks no trunk: %s", self.address, error)
        self._is_older = True
        self._failures = 0
        self._not_before = self._loop.time() + OLDER_S
        waiting, self._waiting = self._waiting, []
        for relay in waiting:
            self._older.send(relay)

    def _failed(self, reason: str) -> None:
        self._wait_longer()
        self._fail(reason)

    def _wait_longer(self) -> None:
        delay_s = add_jitter(
            exponential_delay_s(self._failures, RETRY_S_MIN, RETRY_S_MAX), self._chance()
        )
        self._failures += 1
        self._not_before = self._loop.time() + delay_s

    def _fail(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, []
        for relay in waiting:
            relay.fail(reason, unreachable=True)

    def _end(self, trunk: TrunkClient) -> None:
        """It takes no more events; those that it has go on unless its connection is gone."""
        if trunk is not self._trunk:
            return
        self._trunk = None
        self._leaving = [one for one in (*self._leaving, trunk) if one.is_open]
        if self._loop.time() - self._opened_at < STEADY_S:
            self._wait_longer()
        else:
            self._failures = 0
