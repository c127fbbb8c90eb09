"""Failed starts of environments, by function: for how long they hold further starts back, and why.

Contract: lives on one event loop; no I/O. A start fails in one of two ways: the API server refuses
the pod (a quota, a LimitRange), or the environment ends, or gets stuck on its node, before it has
served (F11). ``changed`` is called when the function's conditions may have to change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.diagnosis.start_report import StartReport
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.core.backoff import exponential_delay_s
from kubelambda.core.capacity.function_load import PodLoad
from kubelambda.core.capacity.start_failures import StartFailures, record_failure

REFUSED_S_MIN = 1.0
REFUSED_S_MAX = 15.0
STUCK_S = 5.0
"""A container that cannot start counts as failed after so long: many causes pass by themselves."""
REFUSED_FORGET_S = 10.0
"""A refusal that has not recurred for so long after its delay is forgotten."""


@dataclass(slots=True)
class _Refusal:
    record: FunctionRecord
    message: str
    at: float
    count: int = 1

    @property
    def delay_s(self) -> float:
        return exponential_delay_s(self.count - 1, REFUSED_S_MIN, REFUSED_S_MAX)


class StartBackoff:
    """Not persisted: after a change of leader the new one tries once at once."""

    def __init__(
        self,
        link_states: LinkStates,
        changed: Callable[[FunctionRecord], None],
        clock: Callable[[], float],
    ) -> None:
        self._link_states = link_states
        self._changed = changed
        self._clock = clock
        self._failures: dict[str, StartFailures] = {}
        self._refusals: dict[str, _Refusal] = {}
        self._counted: set[str] = set()

    def observe(
        self,
        record: FunctionRecord,
        revision: str,
        pods: Sequence[tuple[PodRecord, PodLoad]],
        now: float,
    ) -> None:
        """Count environments that have failed; one that is ready clears the count."""
        for pod, load in pods:
            if load.revision != revision or load.terminating or load.draining:
                continue
            if load.state in ("idle", "busy") and not load.restarted and not load.failed:
                self._succeed(record)
            elif self._has_failed(pod, load, now):
                self._fail(record, revision, pod, now)

    def refused(self, record: FunctionRecord, message: str, now: float) -> None:
        """The API server has refused a pod of this function."""
        former = self._refusals.get(record.uid)
        if former is None or former.message != message:
            count = former.count if former else 1
            self._refusals[record.uid] = _Refusal(record, message, now, count)
            self._changed(record)
        else:
            former.at, former.count = now, former.count + 1

    def accepted(self, record: FunctionRecord) -> None:
        """The API server has accepted a pod of this function."""
        if self._refusals.pop(record.uid, None) is not None:
            self._changed(record)

    def start_max(self, record: FunctionRecord, revision: str, now: float) -> int | None:
        """How many environments may be starting at the same time; None: any number."""
        refusal = self._refusals.get(record.uid)
        if refusal is not None and now < refusal.at + refusal.delay_s:
            return 0
        failures = self._failures.get(record.uid)
        return failures.start_max(now) if failures and failures.revision == revision else None

    def report(self, uid: str) -> StartReport:
        """What the function's conditions say about its starts."""
        refusal, failures = self._refusals.get(uid), self._failures.get(uid)
        words = refusal.message if refusal else ""
        if failures is None:
            return StartReport(refusal=words)
        held_s = failures.remaining_s(self._clock())
        return StartReport(failures.revision, words, failures.count, failures.cause, held_s)

    def forget(self, functions: set[str], pods: set[str], now: float) -> None:
        """Drop old refusals and what is kept of all other functions and pods; sets of uids."""
        self._counted &= pods
        for refusal in list(self._refusals.values()):
            if now >= refusal.at + refusal.delay_s + REFUSED_FORGET_S:
                self.accepted(refusal.record)
        for known in (self._failures, self._refusals):
            for uid in known.keys() - functions:
                del known[uid]

    def _has_failed(self, pod: PodRecord, load: PodLoad, now: float) -> bool:
        if pod.uid in self._counted or self._link_states.has_served(pod.uid):
            return False
        age_s = now - self._link_states.known_since(pod.uid, now)
        is_stuck = load.stuck and not pod.is_unschedulable and age_s >= STUCK_S
        return load.restarted or load.failed or is_stuck

    def _fail(self, record: FunctionRecord, revision: str, pod: PodRecord, now: float) -> None:
        self._counted.add(pod.uid)
        former = self._failures.get(record.uid, StartFailures(revision))
        self._failures[record.uid] = record_failure(
            former,
            revision,
            begun_at=self._link_states.known_since(pod.uid, now),
            now=now,
            cause=pod.exit or pod.ended or " ".join(text for text in pod.start_error if text),
        )
        self._changed(record)

    def _succeed(self, record: FunctionRecord) -> None:
        if self._failures.pop(record.uid, None) is not None:
            self._changed(record)
