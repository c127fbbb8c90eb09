"""One function's environments and requests, as its owner holds them.

Contract: a value with questions; who gets what is decided in ``pool``. Lives on the event loop.
"""

from collections import deque
from dataclasses import dataclass, field

from kubelambda.core.demand import EnvironmentReport, FunctionDemand
from kubelambda.core.function import Function
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
    parked: deque[Invocation] = field(default_factory=deque)
    """Over a limit, but for an environment that has answered and is about to be idle; uncounted."""
    in_flight: int = 0
    recovered: set[Environment] = field(default_factory=set)
    """Environments that run another gateway's event, or keep the result of one."""

    @property
    def recovering(self) -> int:
        """Environments that are busy with another gateway's event."""
        return sum(environment.is_recovering for environment in self.recovered)

    def take_pending(self) -> list[Invocation]:
        """What has not been handed to an environment; nothing of it is left here."""
        pending = [*self.waiting, *self.parked]
        self.waiting.clear()
        self.parked.clear()
        return pending

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
                if environment in self.idle:
                    self.idle.remove(environment)
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
        for position in range(len(self.idle) - 1, -1, -1):
            if self.is_current(self.idle[position]):
                return self.idle.pop(position)
        return None

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
