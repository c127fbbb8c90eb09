"""One function and its pods at one moment, as far as scaling is concerned.

Contract: plain values; counts and ages come in. Rules S1 to S9 are those of ``scaling``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LinkState = Literal["unlinked", "starting", "idle", "busy"]

STARTING_S = 15.0
"""A pod that no request waits for any more may take so long to start: the next one uses it."""
SLOW_S = 0.2
"""A Deployment has its pods within 0.1 s if the ReplicaSet controller has nothing else to do."""


@dataclass(frozen=True, slots=True)
class PodLoad:
    """One pod of a function. ``idle_s``: its idle time, if unlinked since it was last heard."""

    name: str
    revision: str
    state: LinkState = "unlinked"
    idle_s: float = 0.0
    usable: bool = True
    """Its configuration is the function's current one: gateways may still give it events."""
    pending: bool = False
    stuck: bool = False
    """It is pending, and the scheduler or the kubelet says that it cannot start now."""
    terminating: bool = False
    draining: bool = False
    """It was chosen as a victim before."""
    restarted: bool = False
    """Its container was restarted, so its environment is dead."""
    failed: bool = False
    """It has ended for good and does not count any more; only its object is left."""
    direct: bool = False
    """Owned by the function itself, not by a Deployment."""

    @property
    def is_gone(self) -> bool:
        """Whether it is a victim that has left."""
        return self.draining and (self.state == "unlinked" or self.restarted)

    @property
    def is_good(self) -> bool:
        """Whether it serves, or will once it has started."""
        return not (self.terminating or self.failed or self.draining or self.restarted)

    @property
    def can_be_withdrawn(self) -> bool:
        """Whether it is not running yet and cannot be expected to soon (S8)."""
        return self.pending and self.is_good and (self.stuck or self.idle_s >= STARTING_S)


@dataclass(frozen=True, slots=True)
class FunctionLoad:
    """Everything that scaling looks at, for one function at one moment."""

    current: str
    """The current revision."""
    replicas: Mapping[str, int]
    """``spec.replicas`` of each revision's Deployment."""
    pods: Sequence[PodLoad] = ()
    waiting: int = 0
    waiting_lately: int = 0
    """The highest number of waiting requests during the last moments."""
    floor: int = 0
    """Provisioned concurrency."""
    cap: int | None = None
    """Reserved concurrency; None if there is none."""
    duration_s: float | None = None
    """The mean duration of its events; None while unknown."""
    waited_s: float = 0.0
    """For how long at least one request has been waiting without a pause."""
    start_max: int | None = None
    """How many environments may be starting at the same time; None: any number, 0: none now."""
    owed_s: float = 0.0
    """For how long the current revision's Deployment has had fewer pods than replicas."""
    is_slow: bool = False
    """The ReplicaSet controller has been slow: pods that requests wait for are made directly."""

    @property
    def makes_pods_directly(self) -> bool:
        """Whether new pods are made directly now, not through the Deployment."""
        return self.waiting > 0 and (self.is_slow or self.owed_s >= SLOW_S)
