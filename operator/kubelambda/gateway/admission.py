"""Which agents may become environments, once they have proved that they hold the function's key.

Contract: an agent of a function that another gateway owns is redirected there. An agent of a
function that the catalog does not know yet, or knows in another configuration, is parked up to
PARK_S, since the catalog may lag behind the controller; then it is told to come again. Never waits
on anything but the catalog.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kubelambda.core.environment import build_configure
from kubelambda.core.function import Function, FunctionRef
from kubelambda.core.ports import Catalog
from kubelambda.gateway.link import Admission, Admitted, Hello, Redirected, Refused
from kubelambda.gateway.ownership import Membership

PARK_S = 2.0
RETRY_MS = 2_000
UNSETTLED_MS = 200
UNCONFIGURED = "unconfigured"


@dataclass(slots=True, eq=False)
class _Parked:
    hello: Hello
    decide: Callable[[Admission], None]
    timer: asyncio.TimerHandle


class Admissions:
    """Decides on hellos; ``reconsider`` is called when the catalog changes."""

    def __init__(
        self,
        catalog: Catalog,
        membership: Membership,
        *,
        region: str,
        open_pool: Callable[[Function], None],
    ) -> None:
        self._catalog = catalog
        self._membership = membership
        self._region = region
        self._open_pool = open_pool
        self._parked: dict[FunctionRef, list[_Parked]] = {}

    def admit(self, hello: Hello, decide: Callable[[Admission], None]) -> None:
        """Decide now, or when the catalog has caught up."""
        elsewhere = self._send_away(hello)
        if elsewhere is not None:
            decide(elsewhere)
            return
        if self._try(hello, decide):
            return
        ref = hello.identity.ref
        timer = asyncio.get_running_loop().call_later(PARK_S, self._refuse, ref, hello)
        self._parked.setdefault(ref, []).append(_Parked(hello, decide, timer))

    def reconsider(self, ref: FunctionRef) -> None:
        """The function at ``ref`` has appeared or changed."""
        for parked in self._parked.pop(ref, []):
            elsewhere = self._send_away(parked.hello)
            if elsewhere is not None:
                parked.timer.cancel()
                parked.decide(elsewhere)
            elif self._try(parked.hello, parked.decide):
                parked.timer.cancel()
            else:
                self._parked.setdefault(ref, []).append(parked)

    def reconsider_all(self) -> None:
        """The view has changed."""
        for ref in list(self._parked):
            self.reconsider(ref)

    def _send_away(self, hello: Hello) -> Admission | None:
        owner = self._membership.find_owner(hello.identity.ref)
        if owner is None:
            return Refused("the gateways have not found each other yet", UNSETTLED_MS)
        if hello.epoch > self._membership.view.epoch:
            self._membership.note_epoch(hello.epoch)
            return Refused("this gateway's view is older than the agent's", UNSETTLED_MS)
        return None if owner == self._membership.own else Redirected(owner.address)

    def _try(self, hello: Hello, decide: Callable[[Admission], None]) -> bool:
        identity = hello.identity
        function = self._catalog.get(identity.ref)
        if function is None or function.uid != identity.uid:
            return False
        if hello.state != UNCONFIGURED:
            # Configured under whatever was current then; the pool gives it no event if it is stale.
            self._open_pool(function)
            decide(Admitted(None))
            return True
        if function.config_digest != identity.config_digest:
            return False
        self._open_pool(function)
        decide(Admitted(build_configure(function, self._region)))
        return True

    def _refuse(self, ref: FunctionRef, hello: Hello) -> None:
        waiting = self._parked.pop(ref, [])
        for parked in waiting:
            if parked.hello is hello:
                parked.decide(Refused("the function is not known in this configuration", RETRY_MS))
            else:
                self._parked.setdefault(ref, []).append(parked)
