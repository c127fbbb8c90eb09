"""Decides how to answer the hello of an agent that has proved to hold its function's key.

Contract: an agent of a function that another gateway owns is redirected there; an agent of a
function in this gateway's catalog is welcomed. View and catalog may lag behind what the agent
knows: an agent that has obeyed a newer view, or whose function is not known here or not in this
configuration, is parked for up to PARK_S and decided on when view or catalog change; after that it
is told to try again later. It waits for nothing else.

The epoch that an agent names has no effect by itself: only if the agent brings a gateway's proof of
it does the next view exceed it (rule M3 of ``core.coordination.membership``). An epoch that no
gateway would make ends the agent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.model.environment_variables import build_configure
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.ports import Catalog
from kubelambda.gateway.link.hello import Hello
from kubelambda.gateway.link.hello_decision import (
    RETRY_MS,
    HelloDecision,
    Redirected,
    Refused,
    Retired,
    Welcomed,
)

PARK_S = 2.0
UNCONFIGURED = "unconfigured"


class Ownership(Protocol):
    """Which gateway owns which function (driver: ``gateway.peers.membership``)."""

    @property
    def own(self) -> Member:
        """This gateway."""
        ...

    @property
    def view(self) -> View:
        """The gateways as this one sees them."""
        ...

    def find_owner(self, ref: FunctionRef) -> Member | None:
        """The gateway that owns the function; None while there is no view."""
        ...

    def is_credible(self, epoch: int) -> bool:
        """Whether gateways can have made this epoch."""
        ...

    def take_proved_epoch(self, epoch: int) -> None:
        """A gateway has made this epoch: the next view goes beyond it."""
        ...


@dataclass(slots=True, eq=False)
class _Parked:
    hello: Hello
    answer: Callable[[HelloDecision], None]
    timer: asyncio.TimerHandle


class HelloDecider:
    """Call ``reconsider`` when the catalog changes, and ``reconsider_all`` when the view does.

    ``open_pool`` is called with a function before an environment of it is welcomed.
    """

    def __init__(
        self,
        catalog: Catalog,
        ownership: Ownership,
        *,
        region: str,
        open_pool: Callable[[Function], None],
        is_epoch_proved: Callable[[int, str], bool],
        park_s: float = PARK_S,
    ) -> None:
        self._catalog = catalog
        self._ownership = ownership
        self._region = region
        self._open_pool = open_pool
        self._is_epoch_proved = is_epoch_proved
        self._park_s = park_s
        self._parked: dict[FunctionRef, dict[int, _Parked]] = {}
        """By function, then by the identity of the hello."""

    def decide(self, hello: Hello, answer: Callable[[HelloDecision], None]) -> None:
        """Call ``answer`` now, or when the view and the catalog have caught up, or after PARK_S."""
        decision = self._decide_now(hello)
        if decision is not None:
            answer(decision)
            return
        timer = asyncio.get_running_loop().call_later(self._park_s, self._refuse, hello)
        parked_here = self._parked.setdefault(hello.identity.ref, {})
        parked_here[id(hello)] = _Parked(hello, answer, timer)

    def forget(self, hello: Hello) -> None:
        """The agent has hung up: its answer is not called any more. Harmless once it was."""
        parked = self._take_parked(hello)
        if parked is not None:
            parked.timer.cancel()

    def reconsider(self, ref: FunctionRef) -> None:
        """The function at ``ref`` has appeared or changed."""
        for parked in list(self._parked.get(ref, {}).values()):
            if id(parked.hello) not in self._parked.get(ref, {}):
                continue  # an answer before it has ended its connection, or answered it
            decision = self._decide_now(parked.hello)
            if decision is not None:
                self.forget(parked.hello)
                parked.answer(decision)

    def reconsider_all(self) -> None:
        """The view has changed."""
        for ref in list(self._parked):
            self.reconsider(ref)

    def _decide_now(self, hello: Hello) -> HelloDecision | None:
        """None: this gateway does not know yet what the agent refers to."""
        owner = self._ownership.find_owner(hello.identity.ref)
        if not self._ownership.is_credible(hello.epoch):
            return Retired()
        if owner is None or hello.epoch > self._ownership.view.epoch:
            if self._is_epoch_proved(hello.epoch, hello.epoch_proof):
                self._ownership.take_proved_epoch(hello.epoch)
            return None
        if owner != self._ownership.own:
            return Redirected(owner.address)
        return self._decide_as_owner(hello)

    def _decide_as_owner(self, hello: Hello) -> HelloDecision | None:
        identity = hello.identity
        function = self._catalog.get(identity.ref)
        if function is None or function.uid != identity.uid:
            return None
        if hello.state != UNCONFIGURED:
            # It keeps the configuration that it has; if that is stale, the pool gives it no event.
            self._open_pool(function)
            return Welcomed(None)
        if function.config_digest != identity.config_digest:
            return None
        self._open_pool(function)
        return Welcomed(build_configure(function, self._region))

    def _refuse(self, hello: Hello) -> None:
        parked = self._take_parked(hello)
        if parked is not None:
            parked.answer(Refused("the function is not known in this configuration", RETRY_MS))

    def _take_parked(self, hello: Hello) -> _Parked | None:
        parked_here = self._parked.get(hello.identity.ref, {})
        parked = parked_here.pop(id(hello), None)
        if not parked_here:
            self._parked.pop(hello.identity.ref, None)
        return parked
