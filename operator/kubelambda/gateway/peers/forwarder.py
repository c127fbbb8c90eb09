"""Sending invocations to the gateways that own their functions: one trunk to each of them.

Contract: docs/forwarding.md; each invocation ends as ``relay`` says. A gateway whose heartbeats
have stopped is dropped (``drop``); the trunk itself notices one that is silent, or whose node is
lost. Gateways of the previous release get the older form (``trunk_route``).
"""

import asyncio
import random
from collections.abc import Callable

from kubelambda.core.coordination.membership import Member
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.peers.http_forwarder import HttpForwarder
from kubelambda.gateway.peers.relay import OnFailure, Relay
from kubelambda.gateway.peers.trunk import STALL_S
from kubelambda.gateway.peers.trunk_route import TrunkRoute
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor


class Forwarder:
    """Keeps a route to each of the other gateways."""

    def __init__(
        self,
        signatures: Signatures,
        supervisor: Supervisor,
        chance: Callable[[], float] = random.random,
        stall_s: float = STALL_S,
    ) -> None:
        self._stall_s = stall_s
        self._signatures = signatures
        self._supervisor = supervisor
        self._chance = chance
        self._older = HttpForwarder(signatures, supervisor)
        self._routes: dict[str, TrunkRoute] = {}
        self._loop = asyncio.get_running_loop()

    def forward(
        self, invocation: Invocation, owner: Member, epoch: int, on_failure: OnFailure
    ) -> None:
        """Send it to ``owner``; the outcome goes to the invocation, a failure to ``on_failure``."""
        relay = Relay(invocation, owner, epoch, on_failure)
        invocation.on_abandoned = relay.abandon
        route = self._routes.get(owner.address)
        if route is None:
            route = self._open_route(owner.address)
        route.send(relay)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call ``call`` after ``delay_s``, unless the process ends before."""
        self._loop.call_later(delay_s, call)

    def drop(self, address: str) -> None:
        """The gateway at ``address`` is dead: every invocation that waits for it fails."""
        self._older.drop(address)
        route = self._routes.pop(address, None)
        if route is not None:
            route.close()

    def close(self) -> None:
        """Close all connections."""
        self._older.close()
        for route in list(self._routes.values()):
            route.close()

    def _open_route(self, address: str) -> TrunkRoute:
        route = TrunkRoute(
            address,
            self._signatures,
            self._supervisor,
            self._older,
            self._chance,
            self._stall_s,
        )
        self._routes[address] = route
        return route
