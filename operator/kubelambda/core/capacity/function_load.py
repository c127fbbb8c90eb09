"""One function and its pods at one moment, as far as scaling is concerned.

Contract: plain values; counts and ages come in. Rules S1 to S9 are those of ``scaling``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LinkState = Literal["unlinked", "starting", "idle", "busy"]

STARTING_S = 15.0
"""A pod that nobody waits for any more may use so long to start: the next request finds it."""
SLOW_S = 0.2
"""A Deployment has its pods within 0.1 s where the ReplicaSet controller has nothing else to do."""


@dataclass(frozen=True, slots=True)
class PodLoad:
    """One pod of a function. ``idle_s``: for so long idle, or not heard of where unlinked."""

    name: str
    revision: str
    state: LinkState = "unlinked"
    idle_s: float = 0.0
    usable: bool = True
    """Its configuration is the function's present one: gateways may still give it events."""
    pending: bool = False
    stuck: bool = False
    """Pending, and the scheduler or the kubelet says that it cannot start now."""
    terminating: bool = False
    draining: bool = False
    """It was chosen as a victim before."""
    restarted: bool = False
    """Its container is not the first one: a dead environment."""
    failed: bool = False
    """It has ended for good and was replaced already; only its object is left."""
    direct: bool = False
    """Owned by the function itself, not by a Deployment."""

    @property
    def is_gone(self) -> bool:
        """A victim that no longer serves anyone."""
        return self.draining and (self.state == "unlinked" or self.restarted)

    @property
    def is_good(self) -> bool:
        """It serves, or will."""
        return not (self.terminating or self.failed or self.draining or self.restarted)

    @property
    def can_be_withdrawn(self) -> bool:
        """It is not running, and waiting for it is no use to anybody (S8)."""
        return self.pending and self.is_good and (self.stuck or self.idle_s >= STARTING_S)


@dataclass(frozen=True, slots=True)
class FunctionLoad:
    """All that counts for one function at one moment."""

    current: str
    """The current revision."""
    replicas: Mapping[str, int]
    """What each revision's Deployment asks for."""
    pods: Sequence[PodLoad] = ()
    waiting: int = 0
    waiting_lately: int = 0
    """The most that have waited within the last moments."""
    floor: int = 0
    """Provisioned concurrency."""
    cap: int | None = None
    """Reserved concurrency; None where there is none."""
    duration_s: float | None = None
    """The mean length of its events; None where that is not known."""
    waited_s: float = 0.0
    """For so long somebody has waited without a pause."""
    start_max: int | None = None
    """How many environments may be starting together; None: any number, 0: starts are held."""
    owed_s: float = 0.0
    """For so long the current revision's Deployment has had fewer pods than it asks for."""
    is_slow: bool = False
    """The ReplicaSet controller was seen to be slow: what somebody waits for is made directly."""

    @property
    def goes_direct(self) -> bool:
        """Whether to start nothing through the Deployment now."""
        return self.waiting > 0 and (self.is_slow or self.owed_s >= SLOW_S)
