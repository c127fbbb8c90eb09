"""The pools of a gateway: which functions it has, and which environments belong to each.

Contract: one pool for $LATEST and for each published version of the functions that this gateway
owns, dropped once nothing is left in it; who gets what within a pool is ``assigner``'s. Nothing but
a timeout ends an event that runs: if its function is changed, given away or deleted, its
environment finishes the event first.
Lives on the event loop and does no I/O: frames go out through environments, demand through
``notify``.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from kubelambda.core.errors import ApiError, function_deleted, version_of_alias_missing
from kubelambda.core.model.function import LATEST, Function, FunctionRef
from kubelambda.core.wire.demand import FunctionDemand
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.link.environment import Environment
from kubelambda.gateway.metrics import ColdStartStage, ignore_stage
from kubelambda.gateway.pools.assigner import Assigner
from kubelambda.gateway.pools.function_pool import FunctionPool, FunctionVersions
from kubelambda.gateway.pools.slots import PeerCounts, Slots

HANDOVER_S = 0.3
"""After a change of owners, the time that warm environments take to link themselves here."""


class Pools:
    """All functions that this gateway owns; the listener of their environments.

    ``find`` gives a function as it is now: one that was resolved a while ago may have changed or
    gone.
    """

    def __init__(
        self,
        *,
        start_wait_s: float,
        notify: Callable[[FunctionRef], None],
        peer_counts: PeerCounts,
        find: Callable[[FunctionRef], Function | None],
        observe_stage: Callable[[ColdStartStage, float], None] = ignore_stage,
    ) -> None:
        self._notify = notify
        self._slots = Slots(peer_counts, self._follow_release)
        self._assigner = Assigner(
            self._slots, start_wait_s=start_wait_s, notify=notify, drop_if_empty=self._drop_if_empty
        )
        self._find = find
        self._observe_stage = observe_stage
        self._pools: dict[FunctionRef, FunctionPool] = {}
        self._versions: dict[FunctionRef, FunctionVersions] = {}
        """By function: what its pools share, as long as there is one or a slot is in use."""
        self._pool_of: dict[Environment, FunctionPool] = {}
        """The pool of each linked environment. A deleted function's pool is found here only."""
        self._handover_until = 0.0
        self._loop = asyncio.get_running_loop()

    def submit(self, invocation: Invocation) -> None:
        """Hand the event to an idle environment, let it wait for one, or refuse it now."""
        function = self._find(invocation.function.ref)
        if function is None or function.uid != invocation.function.uid:
            invocation.finish(_describe_deletion(invocation))
            return
        self._assigner.submit(self._pool(function), invocation)

    def attach(self, environment: Environment) -> None:
        """An environment has linked itself. Its function was known when it was welcomed."""
        identity = environment.identity
        pool = self._pools.get(identity.ref)
        if pool is None or pool.function.uid != identity.uid:
            environment.drain()
            return
        self._pool_of[environment] = pool
        pool.environments.add(environment)
        if pool.waiting and environment.state == "starting":
            self._observe_stage("dialled", environment.linked_at - pool.waiting_since)
        self._notify(identity.ref)

    def detach(self, environment: Environment) -> None:
        """An environment's link is gone."""
        pool = self._pool_of.pop(environment, None)
        if pool is None:
            return
        pool.forget(environment)
        self._assigner.refuse_hopeless(pool)
        self._drop_if_empty(pool)
        self._notify(pool.function.ref)

    def environment_idle(self, environment: Environment, *, first: bool) -> None:
        """Give it the request that has waited longest, if it may have it.

        The end of an event is told with the next report: idle ages are seconds, and only a new
        environment or a shorter queue is worth a report of its own.
        """
        pool = self._pool_of.get(environment)
        if pool is None or environment.leaving:
            return
        if pool.recovered and not environment.recovered_request:
            pool.recovered.discard(environment)
        if first or pool.waiting:
            self._notify(pool.function.ref)
        if first:
            self._observe_start(environment)
        elif environment.event_s is not None:
            pool.note_event(environment.event_s)
        pool.idle[environment] = None
        if pool.waiting:
            self._assigner.hand_out(pool)

    def _observe_start(self, environment: Environment) -> None:
        configured_at = environment.configured_at
        if configured_at is None:
            return
        self._observe_stage("configured", configured_at - environment.linked_at)
        self._observe_stage("initialised", environment.idle_since - configured_at)

    def environment_recovered(self, environment: Environment) -> None:
        """It came from another gateway with an event or a result."""
        pool = self._pool_of.get(environment)
        if pool is not None:
            pool.recovered.add(environment)
            self._notify(environment.identity.ref)

    def environment_changed(self, environment: Environment) -> None:
        """It is leaving: no more events for it."""
        pool = self._pool_of.get(environment)
        if pool is not None:
            pool.idle.pop(environment, None)
            self._assigner.refuse_hopeless(pool)
            self._notify(environment.identity.ref)

    def drain(self, ref: FunctionRef, pod: str) -> None:
        """Let an environment go, if it is still idle."""
        pool = self._pools.get(ref)
        for environment in list(pool.idle) if pool else ():
            if pool and environment.identity.pod == pod:
                del pool.idle[environment]
                environment.drain()

    def update(self, function: Function) -> None:
        """The function has changed: later events go to environments of its new configuration.

        If it cannot run any more, waiting requests are told why, as later ones are.
        """
        versions = self._versions.get(function.ref.function)
        if versions is not None and versions.uid != function.owner_uid:
            del self._versions[versions.ref]
        if function.ref not in self._pools:
            return
        pool = self._pool(function)
        self._assigner.refuse_hopeless(pool)
        self._assigner.hand_out(pool)
        self._assigner.accept_parked(pool.versions)
        self._drop_if_empty(pool)
        self._notify(pool.function.ref)

    def remove(self, ref: FunctionRef) -> None:
        """A function or a published version is gone.

        What waits is told so, and its environments end once they are idle. What still runs of a
        version counts for its function; what runs of a function, for nothing but its account.
        """
        pool = self._pools.get(ref)
        if pool is not None:
            self._retire(pool)
        if not ref.is_part:
            self._versions.pop(ref, None)

    def _retire(self, pool: FunctionPool) -> None:
        """The agent of a busy environment ends by itself after the event, gateway or not."""
        self._forget(pool)
        pool.idle.clear()
        for environment in list(pool.environments):
            if environment.state == "busy":
                environment.drain()
            else:
                environment.shut_down("spindown")
        for invocation in pool.take_pending():
            invocation.finish(_describe_deletion(invocation))
        self._notify(pool.function.ref)

    def relinquish(
        self, find_successor: Callable[[FunctionRef], str | None], epoch: int, epoch_proof: str
    ) -> list[Invocation]:
        """Give away the functions that have a successor, and name its address to the agents.

        Their environments finish what they do and find the owner; the requests that still wait are
        returned, uncounted: they are the owner's now.
        """
        unassigned: list[Invocation] = []
        self._handover_until = self._loop.time() + HANDOVER_S
        for pool in list(self._pools.values()):
            successor = find_successor(pool.function.ref)
            if successor is None:
                continue
            for invocation in pool.take_pending():
                invocation.stop_timer()
                invocation.on_abandoned = None
                invocation.release()
                unassigned.append(invocation)
            for environment in pool.environments:
                environment.go_away(successor, epoch, epoch_proof)
            pool.idle.clear()
            self._drop_if_empty(pool)
            self._notify(pool.function.ref)
        return unassigned

    def open(self, function: Function) -> None:
        """Make sure that there is a pool to attach an environment of ``function`` to."""
        self._pool(function)

    def refs(self) -> Sequence[FunctionRef]:
        """The functions that there is demand of."""
        return list(self._pools)

    def report_of(self, ref: FunctionRef) -> FunctionDemand | None:
        """The demand of one function; None if there is none.

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
        return self._slots.count()

    def in_flight_by_function(self) -> dict[FunctionRef, int]:
        """The same by function, all versions, with what environments recovered; zeros left out.

        What runs of a deleted function is not among them: its name may be another's by now.
        """
        return {
            ref: count
            for ref, versions in self._versions.items()
            if (count := versions.in_flight + versions.recovering)
        }

    def in_flight_by_account(self) -> dict[str, int]:
        """The same by account, over functions without a reservation; zeros left out."""
        return self._slots.count_by_account()

    async def wait_released(self) -> None:
        """Return when nothing is in flight any more."""
        await self._slots.wait_released()

    def environments(self) -> list[Environment]:
        """All linked environments."""
        return list(self._pool_of)

    def _pool(self, function: Function) -> FunctionPool:
        """The pool of this very object; what is left of another object of its name is retired."""
        pool = self._pools.get(function.ref)
        if pool is not None and pool.function.uid != function.uid:
            self._retire(pool)
            pool = None
        if pool is None:
            versions = self._share(function)
            pool = self._pools[function.ref] = FunctionPool(function, versions)
            versions.pools[pool] = None
        pool.function = function
        return pool

    def _share(self, function: Function) -> FunctionVersions:
        """What the pools of this version's very function share."""
        ref = function.ref.function
        versions = self._versions.get(ref)
        if versions is None or versions.uid != function.owner_uid:
            versions = self._versions[ref] = FunctionVersions(ref, function.owner_uid)
        return versions

    def _follow_release(self, pool: FunctionPool) -> None:
        """A slot of ``pool`` has come back; a request of any version may have it."""
        if pool.versions.parked:
            self._assigner.accept_parked(pool.versions)
        self._drop_if_empty(pool)

    def _drop_if_empty(self, pool: FunctionPool) -> None:
        if pool.environments or not pool.is_empty:
            return
        if self._pools.get(pool.function.ref) is pool:
            self._forget(pool)
        versions = pool.versions
        is_over = not versions.pools and not versions.in_flight
        if is_over and self._versions.get(versions.ref) is versions:
            del self._versions[versions.ref]

    def _forget(self, pool: FunctionPool) -> None:
        """It takes no requests any more; what it has in flight still counts."""
        del self._pools[pool.function.ref]
        del pool.versions.pools[pool]


def _describe_deletion(invocation: Invocation) -> ApiError:
    """The answer to a request whose function or version is gone before it began.

    One that came by an alias is not said to be gone for good: the alias may mean another version.
    """
    arn, qualifier = invocation.invoked_arn, invocation.qualifier
    version = invocation.function.version
    if version == LATEST or qualifier in ("", version):
        return function_deleted(arn)
    return version_of_alias_missing(arn.removesuffix(f":{qualifier}"), qualifier, version)
