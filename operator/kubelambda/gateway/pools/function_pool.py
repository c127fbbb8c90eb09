"""One function's environments and requests, as the gateway that owns the function holds them.

Contract: holds and answers questions, no more; which request gets which environment is decided in
``assigner``. $LATEST and each published version have a pool of their own; what is the function's
as a whole, its concurrency, is in the ``FunctionVersions`` that they share. Lives on the event
loop.
"""

from collections import deque
from dataclasses import dataclass, field

from kubelambda.core.errors import ApiError, stalled, unavailable
from kubelambda.core.model.function import LATEST, Function, FunctionRef, Stall
from kubelambda.core.wire.demand import DURATION_MS_MAX, EnvironmentReport, FunctionDemand
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.link.environment import Environment

DURATION_WEIGHT = 0.2
"""The weight of the latest event in the mean."""
RETRY_NO_ROOM_S = 5
"""Retry-After if the cluster has no room: room comes when something ends, not at once."""


@dataclass(slots=True, eq=False)
class FunctionVersions:
    """What $LATEST and all published versions of one function share."""

    ref: FunctionRef
    """The LambdaFunction's, and so its uid."""
    uid: str
    pools: dict["FunctionPool", None] = field(default_factory=dict)
    """Those that are not over."""
    in_flight: int = 0
    """Slots in use by all versions, deleted ones included."""
    parked: dict[Invocation, "FunctionPool"] = field(default_factory=dict)
    """Over a limit, the oldest first; they wait for an environment, of any version, that has
    answered and is about to be idle, so that its slot comes back. Not counted."""

    @property
    def recovering(self) -> int:
        """Environments that are busy with another gateway's event."""
        return sum(pool.recovering for pool in self.pools)

    def count_finishing(self, now: float) -> int:
        """Environments that are about to be idle."""
        return sum(pool.count_finishing(now) for pool in self.pools)

    def find_running(self, request_id: str) -> Invocation | None:
        """The invocation of this request id that waits here or has not been answered yet.

        Whatever its version: an alias may have been moved since the event was first handed over.
        """
        for pool in self.pools:
            running = pool.find_running(request_id)
            if running is not None:
                return running
        return None


@dataclass(slots=True, eq=False)
class FunctionPool:
    """The environments and requests of one function's $LATEST, or of a published version."""

    function: Function
    versions: FunctionVersions
    environments: set[Environment] = field(default_factory=set)
    idle: dict[Environment, None] = field(default_factory=dict)
    """In the order of their last use."""
    waiting: deque[Invocation] = field(default_factory=deque)
    in_flight: int = 0
    recovered: set[Environment] = field(default_factory=set)
    """Environments that run another gateway's event, or keep the result of one."""

    waiting_since: float = 0.0
    """When the queue was last empty."""
    duration_s: float | None = None
    """The mean length of its events; None before the first has ended here."""

    def note_event(self, seconds: float) -> None:
        """An event has ended."""
        former = seconds if self.duration_s is None else self.duration_s
        self.duration_s = former + DURATION_WEIGHT * (seconds - former)

    @property
    def recovering(self) -> int:
        """Environments that are busy with another gateway's event."""
        if not self.recovered:
            return 0
        return sum(environment.is_recovering for environment in self.recovered)

    def take_pending(self) -> list[Invocation]:
        """The requests that were not handed to an environment; they are taken out of the pool."""
        pending = [*self.waiting, *self._list_parked()]
        self.waiting.clear()
        for invocation in pending:
            self.versions.parked.pop(invocation, None)
        return pending

    def _list_parked(self) -> list[Invocation]:
        return [one for one, pool in self.versions.parked.items() if pool is self]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left in it."""
        if self.environments or self.waiting or self.in_flight:
            return False
        return self not in self.versions.parked.values()

    def forget(self, environment: Environment) -> None:
        """Its link is gone."""
        self.environments.discard(environment)
        self.recovered.discard(environment)
        self.idle.pop(environment, None)

    def find_refusal(self) -> ApiError | None:
        """Why no request can be served; None if one can, now or after a wait.

        An environment that is there serves, whatever keeps others from starting.
        """
        function = self.function
        if not function.stalled_reason:
            return None
        cannot_start = function.stall is Stall.CANNOT_START
        if function.cannot_run or (cannot_start and not self.has_current):
            return stalled(function.stalled_reason, function.stalled_message)
        return None

    def build_wait_error(self, waited_s: float) -> ApiError:
        """The answer to a request that waited in vain; it says why no environment starts."""
        function = self.function
        name, object_name = function.function_name, function.ref.name
        kind = "lambdafunction" if function.version == LATEST else "lambdaversion"
        if function.stalled_reason:
            return unavailable(
                f"no environment of {name} was free within {waited_s:.0f} s, and no other can be "
                f"started ({function.stalled_reason}): {function.stalled_message}",
                RETRY_NO_ROOM_S,
            )
        return unavailable(
            f"no environment of {name} started within {waited_s:.0f} s; "
            f"kubectl describe {kind} {object_name} says why"
        )

    @property
    def has_current(self) -> bool:
        """Whether an environment of the present configuration is there, busy or not."""
        return any(self.is_current(environment) for environment in self.environments)

    def find_running(self, request_id: str) -> Invocation | None:
        """The invocation of this request id that waits here or has not been answered yet."""
        held = [one.invocation for one in self.environments if one.invocation is not None]
        for invocation in (*self.waiting, *held):
            if invocation.request_id == request_id and not invocation.answered:
                return invocation
        return None

    def take_recovered(self, request_id: str) -> Environment | None:
        """The environment that runs this very event, or keeps its result."""
        for environment in self.recovered:
            if environment.recovered_request == request_id and not environment.leaving:
                self.idle.pop(environment, None)
                self.recovered.discard(environment)
                return environment
        return None

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
        for environment in reversed(self.idle):
            if self.is_current(environment):
                del self.idle[environment]
                return environment
        return None

    def _estimate_ms(self, now: float) -> float | None:
        """The length of an event: the mean, but no less than those that run have taken already.

        Never more than a report may say, however long an environment does not end its event.
        """
        if self.duration_s is None:
            return None
        running = [one.count_busy_s(now) for one in self.environments if one.invocation is not None]
        so_far = sum(running) / len(running) if running else 0.0
        return min(DURATION_MS_MAX, round(max(self.duration_s, so_far) * 1000, 1))

    def count_finishing(self, now: float) -> int:
        """Environments that are about to be idle."""
        return sum(one.is_finishing(now) for one in self.environments)

    def report(self, now: float) -> FunctionDemand:
        """What the controller is told; nothing of requests that are about to be taken up."""
        ref = self.function.ref
        waiting = max(0, len(self.waiting) - self.count_finishing(now)) if self.waiting else 0
        return FunctionDemand(
            namespace=ref.namespace,
            name=ref.name,
            uid=self.function.uid,
            waiting=waiting,
            duration_ms=self._estimate_ms(now),
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
