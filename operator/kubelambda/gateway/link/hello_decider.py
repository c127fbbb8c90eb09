"""Which agents may become environments, once they have proved that they hold the function's key.

Contract: an agent of a function that another gateway owns is redirected there. An agent that knows
a newer view than this gateway, or whose function the catalog does not know yet, or in another
configuration, is parked up to PARK_S, since view and catalog may lag; then it is told to come
again. Never waits on anything else.

What an agent says of epochs moves nothing: only one for which it brings a gateway's word is
overtaken by the next view (rule M3 of ``core.coordination.membership``), and one that no gateway
makes ends the agent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kubelambda.core.model.environment_variables import build_configure
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.ports import Catalog
from kubelambda.gateway.link.hello import Hello
from kubelambda.gateway.link.hello_decision import (
    HelloDecision,
    Redirected,
    Refused,
    Retired,
    Welcomed,
)
from kubelambda.gateway.peers.ownership import Membership

PARK_S = 2.0
RETRY_MS = 2_000
UNCONFIGURED = "unconfigured"


@dataclass(slots=True, eq=False)
class _Parked:
    hello: Hello
    answer: Callable[[HelloDecision], None]
    timer: asyncio.TimerHandle


class HelloDecider:
    """Decides on hellos; ``reconsider`` is called when the catalog changes."""

    def __init__(
        self,
        catalog: Catalog,
        membership: Membership,
        *,
        region: str,
        open_pool: Callable[[Function], None],
        is_epoch_proved: Callable[[int, str], bool],
        park_s: float = PARK_S,
    ) -> None:
        self._catalog = catalog
        self._membership = membership
        self._region = region
        self._open_pool = open_pool
        self._is_epoch_proved = is_epoch_proved
        self._park_s = park_s
        self._parked: dict[FunctionRef, list[_Parked]] = {}

    def decide(self, hello: Hello, answer: Callable[[HelloDecision], None]) -> None:
        """Decide now, or when the view and the catalog have caught up."""
        decision = self._judge(hello)
        if decision is not None:
            answer(decision)
            return
        ref = hello.identity.ref
        timer = asyncio.get_running_loop().call_later(self._park_s, self._refuse, ref, hello)
        self._parked.setdefault(ref, []).append(_Parked(hello, answer, timer))

    def reconsider(self, ref: FunctionRef) -> None:
        """The function at ``ref`` has appeared or changed."""
        for parked in self._parked.pop(ref, []):
            decision = self._judge(parked.hello)
            if decision is not None:
                parked.timer.cancel()
                parked.answer(decision)
            else:
                self._parked.setdefault(ref, []).append(parked)

    def reconsider_all(self) -> None:
        """The view has changed."""
        for ref in list(self._parked):
            self.reconsider(ref)

    def _judge(self, hello: Hello) -> HelloDecision | None:
        """None: what the agent speaks of has not come to this gateway yet."""
        owner = self._membership.find_owner(hello.identity.ref)
        if not self._membership.is_credible(hello.epoch):
            return Retired()
        if owner is None or hello.epoch > self._membership.view.epoch:
            if self._is_epoch_proved(hello.epoch, hello.epoch_proof):
                self._membership.take_proved_epoch(hello.epoch)
            return None
        if owner != self._membership.own:
            return Redirected(owner.address)
        return self._judge_own(hello)

    def _judge_own(self, hello: Hello) -> HelloDecision | None:
        identity = hello.identity
        function = self._catalog.get(identity.ref)
        if function is None or function.uid != identity.uid:
            return None
        if hello.state != UNCONFIGURED:
            # Configured under whatever was current then; the pool gives it no event if it is stale.
            self._open_pool(function)
            return Welcomed(None)
        if function.config_digest != identity.config_digest:
            return None
        self._open_pool(function)
        return Welcomed(build_configure(function, self._region))

    def _refuse(self, ref: FunctionRef, hello: Hello) -> None:
        waiting = self._parked.pop(ref, [])
        for parked in waiting:
            if parked.hello is hello:
                parked.answer(Refused("the function is not known in this configuration", RETRY_MS))
            else:
                self._parked.setdefault(ref, []).append(parked)
