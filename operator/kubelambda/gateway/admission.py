"""Which agents may become environments, once they have proved that they hold the function's key.

Contract: an agent of a function that the catalog does not know yet, or knows in another
configuration, is parked up to PARK_S, since the catalog may lag behind the controller; then it is
told to come again. Never waits on anything but the catalog.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kubelambda.core.environment import build_configure
from kubelambda.core.function import Function, FunctionRef
from kubelambda.core.ports import Catalog
from kubelambda.gateway.link import Admission, Admitted, Hello, Refused

PARK_S = 2.0
RETRY_MS = 2_000
UNCONFIGURED = "unconfigured"


@dataclass(slots=True, eq=False)
class _Parked:
    hello: Hello
    decide: Callable[[Admission], None]
    timer: asyncio.TimerHandle


class Admissions:
    """Decides on hellos; ``reconsider`` is called when the catalog changes."""

    def __init__(
        self, catalog: Catalog, *, region: str, open_pool: Callable[[Function], None]
    ) -> None:
        self._catalog = catalog
        self._region = region
        self._open_pool = open_pool
        self._parked: dict[FunctionRef, list[_Parked]] = {}

    def admit(self, hello: Hello, decide: Callable[[Admission], None]) -> None:
        """Decide now, or when the catalog has caught up."""
        if self._try(hello, decide):
            return
        ref = hello.identity.ref
        timer = asyncio.get_running_loop().call_later(PARK_S, self._refuse, ref, hello)
        self._parked.setdefault(ref, []).append(_Parked(hello, decide, timer))

    def reconsider(self, ref: FunctionRef) -> None:
        """The function at ``ref`` has appeared or changed."""
        for parked in self._parked.pop(ref, []):
            if self._try(parked.hello, parked.decide):
                parked.timer.cancel()
            else:
                self._parked.setdefault(ref, []).append(parked)

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
