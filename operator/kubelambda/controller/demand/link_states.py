"""What was last heard of each pod over the link, through the reports of gateways.

Contract: lives on one event loop; no I/O, time comes in. ``state_of`` answers for pods of which the
present reports say nothing, too: for how long, and, where no gateway is left that could report,
whether the event that it was last seen with may still run.
"""

from dataclasses import dataclass

from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.core.capacity.function_load import LinkState
from kubelambda.core.wire.demand import EnvironmentReport

BUSY_GRACE_S = 10.0
"""Beyond its function's timeout: by then an event is over, whoever it belonged to."""


@dataclass(slots=True)
class _Heard:
    since: float
    at: float
    state: LinkState = "unlinked"
    has_served: bool = False


class LinkStates:
    """By the uid of the pod."""

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
        """Its state, and for how long it has been idle or not heard of.

        ``busy_s``: no gateway is left; what was busy counts as such for so long.
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
        """Whether this environment was ever ready, as far as this process has heard."""
        heard = self._heard.get(uid)
        return heard is not None and heard.has_served

    def known_since(self, uid: str, now: float) -> float:
        """When the pod was first seen."""
        heard = self._heard.get(uid)
        return heard.since if heard is not None else now

    def hold(self, now: float) -> None:
        """Silence up to now means nothing: nobody could be heard."""
        for heard in self._heard.values():
            heard.at = now

    def forget(self, present: set[str]) -> None:
        """Keep nothing about pods that are gone; ``present`` holds uids."""
        for uid in self._heard.keys() - present:
            del self._heard[uid]
