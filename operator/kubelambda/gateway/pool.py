"""Functions with their environments, their waiting requests and their counts.

Contract: one pool per function on its owner; an event goes to the environment that was used last
and is current; with none idle the request waits for a cold start. A limit answers 429 at once.
Lives on the event loop and does no I/O: frames go out through environments, demand through
``notify``.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from kubelambda.core.concurrency import ConcurrencyState, classify_admission
from kubelambda.core.demand import FunctionDemand
from kubelambda.core.errors import function_not_found, stalled, throttled, unavailable
from kubelambda.core.function import Function, FunctionRef
from kubelambda.gateway.environment import FINISHING_S, Environment
from kubelambda.gateway.function_pool import FunctionPool
from kubelambda.gateway.invocation import Invocation

HANDOVER_S = 0.3


class Elsewhere(Protocol):
    """What other gateways hold."""

    def count_function(self, ref: FunctionRef, heard: int) -> int:
        """Invocations of a function; ``heard`` have since been recovered here."""
        ...

    def count_account(self, account_id: str) -> int:
        """Invocations of an account's functions without a reservation."""
        ...


class Pools:
    """All functions that this gateway owns; the listener of their environments."""

    def __init__(
        self, *, start_wait_s: float, notify: Callable[[FunctionRef], None], elsewhere: Elsewhere
    ) -> None:
        self._start_wait_s = start_wait_s
        self._notify = notify
        self._elsewhere = elsewhere
        self._pools: dict[FunctionRef, FunctionPool] = {}
        self._account_in_flight: Counter[str] = Counter()
        self._handover_until = 0.0
        self._released = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def submit(self, invocation: Invocation) -> None:
        """Hand the event to an idle environment, let it wait for one, or throttle it now."""
        pool = self._pool(invocation.function)
        if invocation.may_repeat and self._reattach(pool, invocation):
            return
        reason = classify_admission(self._state(pool))
        if not reason:
            self._admit(pool, invocation)
        elif len(pool.parked) < pool.count_finishing(self._loop.time()):
            self._park(pool, invocation, reason)
        else:
            invocation.finish(throttled(reason))

    def _admit(self, pool: FunctionPool, invocation: Invocation) -> None:
        self._count(pool, invocation)
        environment = pool.take_idle()
        if environment is not None:
            environment.invoke(invocation)
            return
        invocation.timer = self._loop.call_later(
            self._start_wait_s, self._give_up, pool, invocation
        )
        pool.waiting.append(invocation)
        invocation.on_abandoned = lambda: self._abandon(pool, invocation)
        self._notify(pool.function.ref)
        if pool.count_finishing(self._loop.time()):
            self._loop.call_later(FINISHING_S, self._notify, pool.function.ref)

    def attach(self, environment: Environment) -> None:
        """An environment has linked itself. Its function was known when it was admitted."""
        pool = self._pools.get(environment.identity.ref)
        if pool is not None:
            pool.environments.add(environment)
        self._notify(environment.identity.ref)

    def detach(self, environment: Environment) -> None:
        """An environment's link is gone."""
        pool = self._pools.get(environment.identity.ref)
        if pool is not None:
            pool.environments.discard(environment)
            pool.recovered.discard(environment)
            if environment in pool.idle:
                pool.idle.remove(environment)
            self._drop_if_empty(pool)
        self._notify(environment.identity.ref)

    def environment_idle(self, environment: Environment, *, first: bool) -> None:
        """Give it the request that has waited longest, if it may have it.

        The end of an event is told with the next report: idle ages are seconds, and only a new
        environment or a shorter queue is worth a report of its own.
        """
        pool = self._pools.get(environment.identity.ref)
        if pool is None or environment.leaving:
            return
        if not environment.recovered_request:
            pool.recovered.discard(environment)
        if first or pool.waiting:
            self._notify(pool.function.ref)
        if pool.waiting and pool.is_current(environment):
            invocation = pool.waiting.popleft()
            invocation.stop_timer()
            environment.invoke(invocation)
        elif environment not in pool.idle:
            pool.idle.append(environment)

    def environment_recovered(self, environment: Environment) -> None:
        """It came from another gateway with an event or a result."""
        pool = self._pools.get(environment.identity.ref)
        if pool is not None:
            pool.recovered.add(environment)
        self._notify(environment.identity.ref)

    def environment_changed(self, environment: Environment) -> None:
        """It is leaving: no more events for it."""
        pool = self._pools.get(environment.identity.ref)
        if pool is not None and environment in pool.idle:
            pool.idle.remove(environment)
        self._notify(environment.identity.ref)

    def drain(self, ref: FunctionRef, pod: str) -> None:
        """Let an environment go, if it is still idle."""
        pool = self._pools.get(ref)
        for environment in list(pool.idle) if pool else ():
            if pool and environment.identity.pod == pod:
                pool.idle.remove(environment)
                environment.drain()

    def update(self, function: Function) -> None:
        """The function has changed: later events go to environments of its new configuration.

        Where it cannot run any more, what waits is told why, as later requests are.
        """
        pool = self._pool(function)
        if function.stalled_reason:
            for invocation in pool.take_pending():
                invocation.finish(stalled(function.stalled_reason, function.stalled_message))
        self._drop_if_empty(pool)
        self._notify(function.ref)

    def remove(self, ref: FunctionRef) -> None:
        """The function is gone: what waits is told so, its environments end."""
        pool = self._pools.get(ref)
        if pool is None:
            return
        for invocation in pool.take_pending():
            invocation.finish(function_not_found(invocation.invoked_arn))
        for environment in list(pool.environments):
            environment.shut_down("spindown")
        pool.idle.clear()
        self._drop_if_empty(pool)
        self._notify(ref)

    def relinquish(
        self, find_successor: Callable[[FunctionRef], str | None], epoch: int, epoch_proof: str
    ) -> list[Invocation]:
        """Give away the functions that have a successor, and name its address to the agents.

        Their environments finish what they do and find the owner; the requests that still wait are
        returned, uncounted: they are the owner's now.
        """
        homeless: list[Invocation] = []
        self._handover_until = self._loop.time() + HANDOVER_S
        for pool in list(self._pools.values()):
            successor = find_successor(pool.function.ref)
            if successor is None:
                continue
            for invocation in pool.take_pending():
                invocation.stop_timer()
                invocation.on_abandoned = None
                invocation.release()
                homeless.append(invocation)
            for environment in pool.environments:
                environment.go_away(successor, epoch, epoch_proof)
            pool.idle.clear()
            self._drop_if_empty(pool)
            self._notify(pool.function.ref)
        return homeless

    def open(self, function: Function) -> None:
        """Make sure that there is a pool to attach an environment of ``function`` to."""
        self._pool(function)

    def refs(self) -> Sequence[FunctionRef]:
        """The functions that there is demand of."""
        return list(self._pools)

    def report_of(self, ref: FunctionRef) -> FunctionDemand | None:
        """The demand of one function; None where there is none.

        Right after a change of owners nothing is said to wait: warm environments are on their way.
        """
        pool = self._pools.get(ref)
        if pool is None:
            return None
        now = self._loop.time()
        report = pool.report(now)
        if report.waiting and now < self._handover_until:
            self._loop.call_at(self._handover_until, self._notify, ref)
            return replace(report, waiting=0)
        return report

    def in_flight(self) -> int:
        """Requests that have not been answered or still hold an environment."""
        return sum(pool.in_flight for pool in self._pools.values())

    def in_flight_by_function(self) -> dict[FunctionRef, int]:
        """The same by function, with what environments recovered; zeros left out."""
        return {
            ref: count
            for ref, pool in self._pools.items()
            if (count := pool.in_flight + pool.recovering)
        }

    def in_flight_by_account(self) -> dict[str, int]:
        """The same by account, over functions without a reservation; zeros left out."""
        return {account: count for account, count in self._account_in_flight.items() if count}

    async def wait_released(self) -> None:
        """Return when nothing is in flight any more."""
        while self.in_flight():
            self._released.clear()
            await self._released.wait()

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
        function, recovering = pool.function, pool.recovering
        if function.reserved_concurrency is not None:
            elsewhere = self._elsewhere.count_function(function.ref, recovering)
            in_flight = pool.in_flight + recovering + elsewhere
            return ConcurrencyState(in_flight, function.reserved_concurrency, 0)
        account = function.account_id
        in_account = self._account_in_flight[account] + self._elsewhere.count_account(account)
        return ConcurrencyState(pool.in_flight, None, in_account)

    def _count(self, pool: FunctionPool, invocation: Invocation) -> None:
        # LIMIT: an account's count at other gateways is up to half a second old (no leases yet).
        account = pool.function.account_id if pool.function.reserved_concurrency is None else None
        pool.in_flight += 1
        if account is not None:
            self._account_in_flight[account] += 1

        def release() -> None:
            pool.in_flight -= 1
            if account is not None:
                self._account_in_flight[account] -= 1
            self._released.set()
            self._admit_parked(pool)
            self._drop_if_empty(pool)

        invocation.on_released = release

    def _park(self, pool: FunctionPool, invocation: Invocation, reason: str) -> None:
        """A caller who follows an answer at once is not throttled by what he has been answered."""
        pool.parked.append(invocation)
        invocation.timer = self._loop.call_later(
            FINISHING_S, self._throttle_parked, pool, invocation, reason
        )
        invocation.on_abandoned = lambda: self._throttle_parked(pool, invocation, reason)

    def _throttle_parked(self, pool: FunctionPool, invocation: Invocation, reason: str) -> None:
        if invocation in pool.parked:
            pool.parked.remove(invocation)
            invocation.on_abandoned = None
            invocation.finish(throttled(reason))
            self._drop_if_empty(pool)

    def _admit_parked(self, pool: FunctionPool) -> None:
        while pool.parked and not classify_admission(self._state(pool)):
            invocation = pool.parked.popleft()
            invocation.stop_timer()
            self._admit(pool, invocation)

    def _reattach(self, pool: FunctionPool, invocation: Invocation) -> bool:
        """Whether the very event runs already, or ran at a gateway that is gone."""
        running = pool.find_running(invocation.request_id)
        if running is not None:
            running.share(invocation)
            return True
        environment = pool.take_recovered(invocation.request_id)
        if environment is None:
            return False
        self._count(pool, invocation)
        environment.invoke(invocation)
        return True

    def _abandon(self, pool: FunctionPool, invocation: Invocation) -> None:
        """A request that still waits is dropped; a running one runs on."""
        if not invocation.begun and not invocation.answered:
            pool.waiting.remove(invocation)
            invocation.finish(unavailable("the client has gone"))
            self._notify(pool.function.ref)

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
            self._notify(pool.function.ref)

    def _drop_if_empty(self, pool: FunctionPool) -> None:
        empty = not (pool.environments or pool.waiting or pool.parked or pool.in_flight)
        if empty and self._pools.get(pool.function.ref) is pool:
            del self._pools[pool.function.ref]
