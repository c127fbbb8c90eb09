"""Where an invocation goes: to this gateway's own pools, or to the gateway that owns its function.

Contract: an invocation is relayed HOPS_MAX times at most, and is never sent again once it may have
been handed to an environment. Before that, a relay that failed is tried again, TRIES_MAX times in
all, with a longer pause each time, and each time with the owner of that moment.
"""

from kubelambda.core import errors
from kubelambda.core.model.invocation import Dropped
from kubelambda.core.wire.relay import HOPS_MAX
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.peers.forwarder import Forwarder
from kubelambda.gateway.peers.membership import Membership
from kubelambda.gateway.peers.relay import RelayFailure
from kubelambda.gateway.pools.pools import Pools

TRIES_MAX = 8
RETRY_S = 0.25


class Router:
    """Hands invocations on. ``submit`` answers through the invocation."""

    def __init__(self, membership: Membership, pools: Pools, forwarder: Forwarder) -> None:
        self._membership = membership
        self._pools = pools
        self._forwarder = forwarder

    def submit(self, invocation: Invocation) -> None:
        """Hand it to the owner of its function."""
        self._route(invocation, 1)

    def _route(self, invocation: Invocation, attempt: int) -> None:
        if invocation.answered:
            return
        owner = self._membership.find_owner(invocation.function.ref)
        if owner is None:
            invocation.finish(errors.unavailable("the gateways have not found each other yet"))
        elif owner is self._membership.own or owner == self._membership.own:
            self._pools.submit(invocation)
        elif invocation.hops >= HOPS_MAX:
            invocation.finish(errors.misdirected())
        else:
            self._forwarder.forward(
                invocation,
                owner,
                self._membership.view.epoch,
                lambda failure: self._on_failure(invocation, attempt, failure),
            )

    def _on_failure(self, invocation: Invocation, attempt: int, failure: RelayFailure) -> None:
        if invocation.begun:
            # Nobody here can know whether the function ran to its end, so nothing is claimed.
            invocation.finish(Dropped())
            return
        if failure.unreachable:
            self._membership.suspect(failure.owner)
        if attempt >= TRIES_MAX:
            invocation.finish(
                errors.unavailable(f"the function's gateway {failure.owner.name} does not answer")
            )
            return
        self._forwarder.later(attempt * RETRY_S, lambda: self._route(invocation, attempt + 1))
