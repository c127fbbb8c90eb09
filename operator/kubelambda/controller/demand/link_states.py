"""The state in which gateways last reported each pod's environment.

Contract: lives on one event loop; no I/O, time comes in. ``state_of`` also answers for pods that no
present report names: for how long nobody has named them and, if no gateway is left that could,
whether the invocation that they were last seen with may still be running.
"""

from dataclasses import dataclass

from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.core.capacity.function_load import LinkState
from kubelambda.core.wire.demand import EnvironmentReport

BUSY_GRACE_S = 10.0
"""After its function's timeout and so much more, an invocation is certainly over."""


@dataclass(slots=True)
class _Heard:
    since: float
    at: float
    state: LinkState = "unlinked"
    has_served: bool = False


class LinkStates:
    """One state for each pod, by its uid."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}

    def state_of(
        self,
        pod: PodRecord,
        report: EnvironmentReport | None,
        now: float,
        *,
        busy_s: float | None = None,
    ) -> tuple[LinkState, float]:
        """The state of the pod, and for how long it has been idle or in no report.

        ``busy_s``: set if no gateway is left; what was busy counts as busy for so long.
        """
        heard = self._heard.setdefault(pod.uid, _Heard(now, now))
        if report is not None:
            heard.at, heard.state = now, report.state
            heard.has_served |= report.state in ("idle", "busy")
            return report.state, report.idle_s
        silent_s = now - heard.at
        if busy_s is not None and heard.state == "busy" and silent_s < busy_s + BUSY_GRACE_S:
            return "busy", 0.0
        return "unlinked", silent_s

    def has_served(self, uid: str) -> bool:
        """Whether any report to this process has ever named this environment as ready."""
        heard = self._heard.get(uid)
        return heard is not None and heard.has_served

    def known_since(self, uid: str, now: float) -> float:
        """When the pod was first seen."""
        heard = self._heard.get(uid)
        return heard.since if heard is not None else now

    def hold(self, now: float) -> None:
        """Do not count the silence up to now: nobody could have reported."""
        for heard in self._heard.values():
            heard.at = now

    def forget(self, present: set[str]) -> None:
        """Drop what is kept of all other pods; ``present`` holds uids."""
        for uid in self._heard.keys() - present:
            del self._heard[uid]
