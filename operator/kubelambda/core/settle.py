"""What becomes of an asynchronous event after a run (spec/lambda.md, section 3.2).

Contract: pure; time comes in. Two rules that must not be merged:

- S1 a function error uses an attempt: up to two retries, one minute and then two minutes later.
- S2 a throttle or an error of the platform uses none: it is put off, 1 s doubling to 5 min.
- S3 neither goes on beyond the event's age: a retry that would begin too late is not waited for.
- S4 a function that is gone takes its events with it; nobody is left to tell.
- S5 nobody knowing how a run ended counts as an error of the platform: the event runs again under
  the same request id, which finds a run that still goes on.
"""

from dataclasses import dataclass
from enum import StrEnum

from kubelambda.core.errors import ApiError
from kubelambda.core.invocation import Dropped, Outcome
from kubelambda.core.queue import QueuedEvent, plan_successor

RETRIES_MAX = 2
RETRY_DELAYS_S = (60.0, 120.0)
AGE_S_MAX = 21_600.0
DEFER_S_MIN = 1.0
DEFER_S_MAX = 300.0
_NOT_FOUND = 404


class Condition(StrEnum):
    """Why an event ends among the dead letters: AWS's words (spec 3.4)."""

    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"


@dataclass(frozen=True, slots=True)
class Done:
    """Ack: it succeeded, or nobody wants it any more (``dropped``)."""

    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Publish ``successor``, then ack."""

    successor: QueuedEvent


@dataclass(frozen=True, slots=True)
class Dead:
    """Bury it, then ack."""

    condition: Condition
    detail: str


Settlement = Done | Again | Dead


def settle(event: QueuedEvent, result: Outcome | ApiError | Dropped, now: float) -> Settlement:
    """What to do with ``event`` after a run that ended with ``result`` at ``now``."""
    if isinstance(result, Outcome):
        return _settle_function_error(event, result, now) if result.function_error else Done()
    if isinstance(result, ApiError) and result.status == _NOT_FOUND:
        return Done(dropped=True)
    return _put_off(event, now, "" if isinstance(result, Dropped) else result.message)


def _settle_function_error(event: QueuedEvent, outcome: Outcome, now: float) -> Settlement:
    detail = outcome.payload[:1024].decode("utf-8", "replace")
    if event.attempt > RETRIES_MAX:
        return Dead(Condition.RETRIES_EXHAUSTED, detail)
    due_at = now + RETRY_DELAYS_S[event.attempt - 1]
    if due_at - event.accepted_at > AGE_S_MAX:
        return Dead(Condition.EVENT_AGE_EXCEEDED, detail)
    return Again(plan_successor(event, due_at=due_at, uses_attempt=True))


def _put_off(event: QueuedEvent, now: float, detail: str) -> Settlement:
    delay_s = min(DEFER_S_MAX, DEFER_S_MIN * 2 ** min(event.deferrals, 16))
    if now + delay_s - event.accepted_at > AGE_S_MAX:
        return Dead(Condition.EVENT_AGE_EXCEEDED, detail)
    return Again(plan_successor(event, due_at=now + delay_s, uses_attempt=False))
