"""Functions with their environments, their waiting requests and their counts.

Contract: one pool per function on its owner; an event goes to the environment that was used last
and is current; with none idle the request waits for a cold start. A limit answers 429 at once.
Lives on the event loop and does no I/O: frames go out through environments, demand through
``notify``.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kubelambda.core.concurrency import ConcurrencyState, classify_admission
from kubelambda.core.demand import EnvironmentReport, FunctionDemand
from kubelambda.core.errors import function_not_found, throttled, unavailable
from kubelambda.core.function import Function, FunctionRef
from kubelambda.gateway.environment import Environment
from kubelambda.gateway.invocation import Invocation


@dataclass(slots=True)
class FunctionPool:
    """One function's environments and requests."""

    function: Function
    environments: set[Environment] = field(default_factory=set)
    idle: list[Environment] = field(default_factory=list)
    """Last used last."""
    waiting: deque[Invocation] = field(default_factory=deque)
    in_flight: int = 0

    def is_current(self, environment: Environment) -> bool:
        """Whether the environment holds the function's present configuration."""
        identity = environment.identity
        return (
            identity.config_digest == self.function.config_digest
            and identity.uid == self.function.uid
            and not environment.leaving
        )

    def take_idle(self) -> Environment | None:
        """The current environment that was used last, no longer idle."""
        for position in range(len(self.idle) - 1, -1, -1):
            if self.is_current(self.idle[position]):
                return self.idle.pop(position)
        return None

    def report(self, now: float) -> FunctionDemand:
        """What the controller is told."""
        ref = self.function.ref
        return FunctionDemand(
            namespace=ref.namespace,
            name=ref.name,
            uid=self.function.uid,
            waiting=len(self.waiting),
            environments=tuple(
                EnvironmentReport(
                    pod=one.identity.pod,
                    revision=one.identity.revision,
                    config_digest=one.identity.config_digest,
                    state=one.state,
                    idle_s=round(now - one.idle_since, 1) if one.state == "idle" else 0.0,
                )
                for one in self.environments
            ),
        )


class Pools:
    """All functions that this gateway owns; the listener of their environments."""

    def __init__(self, *, start_wait_s: float, notify: Callable[[], None]) -> None:
        self._start_wait_s = start_wait_s
        self._notify = notify
        self._pools: dict[FunctionRef, FunctionPool] = {}
        self._account_in_flight: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()

    def submit(self, invocation: Invocation) -> None:
        """Hand the event to an idle environment, let it wait for one, or throttle it now."""
        pool = self._pool(invocation.function)
        reason = classify_admission(self._state(pool))
        if reason:
            invocation.finish(throttled(reason))
            return
        self._count(pool, invocation)
        environment = pool.take_idle()
        if environment is not None:
            environment.invoke(invocation)
            return
        invocation.timer = self._loop.call_later(
            self._start_wait_s, self._give_up, pool, invocation
        )
        pool.waiting.append(invocation)
        self._notify()

    def abandon(self, invocation: Invocation) -> None:
        """The client has gone: a request that still waits is dropped; a running one runs on."""
        pool = self._pools.get(invocation.function.ref)
        if pool is not None and not invocation.begun and not invocation.answered:
            pool.waiting.remove(invocation)
            invocation.finish(unavailable("the client has gone"))
            self._notify()

    def attach(self, environment: Environment) -> None:
        """An environment has linked itself. Its function was known when it was admitted."""
        pool = self._pools.get(environment.identity.ref)
        if pool is not None:
            pool.environments.add(environment)
        self._notify()

    def detach(self, environment: Environment) -> None:
        """An environment's link is gone."""
        pool = self._pools.get(environment.identity.ref)
        if pool is not None:
            pool.environments.discard(environment)
            if environment in pool.idle:
                pool.idle.remove(environment)
            self._drop_if_empty(pool)
        self._notify()

    def environment_idle(self, environment: Environment) -> None:
        """Give it the request that has waited longest, if it may have it."""
        pool = self._pools.get(environment.identity.ref)
        if pool is None or environment.leaving:
            return
        if pool.waiting and pool.is_current(environment):
            invocation = pool.waiting.popleft()
            if invocation.timer is not None:
                invocation.timer.cancel()
            environment.invoke(invocation)
        elif environment not in pool.idle:
            pool.idle.append(environment)
        self._notify()

    def environment_changed(self, environment: Environment) -> None:
        """It is leaving: no more events for it."""
        pool = self._pools.get(environment.identity.ref)
        if pool is not None and environment in pool.idle:
            pool.idle.remove(environment)
        self._notify()

    def drain(self, ref: FunctionRef, pod: str) -> None:
        """Let an environment go, if it is still idle."""
        pool = self._pools.get(ref)
        for environment in list(pool.idle) if pool else ():
            if pool and environment.identity.pod == pod:
                pool.idle.remove(environment)
                environment.drain()

    def update(self, function: Function) -> None:
        """The function has changed: later events go to environments of its new configuration."""
        self._pool(function)
        self._drop_if_empty(self._pools[function.ref])
        self._notify()

    def remove(self, ref: FunctionRef) -> None:
        """The function is gone: what waits is told so, its environments end."""
        pool = self._pools.get(ref)
        if pool is None:
            return
        while pool.waiting:
            invocation = pool.waiting.popleft()
            invocation.finish(function_not_found(invocation.invoked_arn))
        for environment in list(pool.environments):
            environment.shut_down("spindown")
        pool.idle.clear()
        self._drop_if_empty(pool)

    def open(self, function: Function) -> None:
        """Make sure that there is a pool to attach an environment of ``function`` to."""
        self._pool(function)

    def reports(self) -> tuple[FunctionDemand, ...]:
        """The whole demand."""
        now = self._loop.time()
        return tuple(pool.report(now) for pool in self._pools.values())

    def in_flight(self) -> int:
        """Requests that have not been answered or still hold an environment."""
        return sum(pool.in_flight for pool in self._pools.values())

    def environments(self) -> list[Environment]:
        """All linked environments."""
        return [one for pool in self._pools.values() for one in pool.environments]

    def _pool(self, function: Function) -> FunctionPool:
        pool = self._pools.get(function.ref)
        if pool is None:
            pool = self._pools[function.ref] = FunctionPool(function)
        else:
            pool.function = function
        return pool

    def _state(self, pool: FunctionPool) -> ConcurrencyState:
        return ConcurrencyState(
            in_flight=pool.in_flight,
            reserved=pool.function.reserved_concurrency,
            account_in_flight=self._account_in_flight[pool.function.account_id],
        )

    def _count(self, pool: FunctionPool, invocation: Invocation) -> None:
        account = pool.function.account_id if pool.function.reserved_concurrency is None else ""
        pool.in_flight += 1
        self._account_in_flight[account] += 1

        def release() -> None:
            pool.in_flight -= 1
            self._account_in_flight[account] -= 1
            self._drop_if_empty(pool)

        invocation.on_released = release

    def _give_up(self, pool: FunctionPool, invocation: Invocation) -> None:
        if not invocation.begun and invocation in pool.waiting:
            pool.waiting.remove(invocation)
            invocation.finish(
                unavailable(
                    f"no environment of {pool.function.function_name} started within "
                    f"{self._start_wait_s:.0f} s; kubectl describe lambdafunction "
                    f"{pool.function.ref.name} says why"
                )
            )
            self._notify()

    def _drop_if_empty(self, pool: FunctionPool) -> None:
        empty = not (pool.environments or pool.waiting or pool.in_flight)
        if empty and self._pools.get(pool.function.ref) is pool:
            del self._pools[pool.function.ref]
