"""How an asynchronous event is settled after a run (spec/lambda.md, section 3.2).

Contract: pure; time and random numbers come in. Rules, named in the tests:

- S1 a function error uses an attempt: up to two retries, one minute and then two minutes later.
- S2 a throttle or an error of the platform uses none. A throttled event waits in its lane, where
  the next free slot takes the oldest (``core.asynchronous.lanes``). After an error of the platform
  the event is put off, for 1 s doubling to 5 min; so is an event that its lane has no room for.
  Delays are spread, so that events that were put off together do not return together.
- S3 both end with the maximum age of the event: a retry that would begin later becomes a dead
  letter at once.
- S4 an event is dropped only if the catalog has seen the deletion of this very function, or of the
  version or alias that the event names (``is_gone``). For one that is not known (yet), and for an
  alias whose version is gone, it is put off like for any other refusal.
- S5 a run of which nobody knows how it ended counts as an error of the platform. The event runs
  again under the same request id, and finds the first run if that is still going on.
"""

from dataclasses import dataclass
from enum import StrEnum

from kubelambda.core.asynchronous.queue import QueuedEvent, plan_successor
from kubelambda.core.backoff import add_jitter, exponential_delay_s
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome

RETRIES_MAX = 2
RETRY_DELAYS_S = (60.0, 120.0)
AGE_S_MAX = 21_600.0
DEFER_S_MIN = 1.0
DEFER_S_MAX = 300.0
_THROTTLED = 429
_DETAIL_BYTES_MAX = 1_024


class DeadLetterCondition(StrEnum):
    """Why an event became a dead letter, in AWS's words (spec 3.4)."""

    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"


@dataclass(frozen=True, slots=True)
class Done:
    """Ack: it succeeded, or what it was for was deleted (``dropped``, S4)."""

    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Publish ``successor``, then ack."""

    successor: QueuedEvent


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep the lease: the event was throttled and waits in its lane for a slot."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Write a dead letter, then ack."""

    condition: DeadLetterCondition
    detail: str


Settlement = Done | Again | Wait | Dead


def settle(
    event: QueuedEvent, result: Outcome | ApiError | Dropped, now: float, *, chance: float
) -> Settlement:
    """What to do with ``event`` after a run that ended with ``result`` at ``now``.

    ``chance`` is a random number of [0, 1) that spreads delays.
    """
    if isinstance(result, Outcome):
        return _settle_function_error(event, result, now) if result.function_error else Done()
    if isinstance(result, Dropped):
        return put_off(event, now, plan_delay_s(event, chance))
    if result.is_gone:
        return Done(dropped=True)
    if result.status == _THROTTLED:
        return check_age(event, now, result.message) or Wait()
    return put_off(event, now, plan_delay_s(event, chance), result.message)


def plan_delay_s(event: QueuedEvent, chance: float) -> float:
    """How long an event waits that was put off ``event.deferrals`` times before (S2)."""
    return add_jitter(exponential_delay_s(event.deferrals, DEFER_S_MIN, DEFER_S_MAX), chance)


def put_off(event: QueuedEvent, now: float, delay_s: float, detail: str = "") -> Again | Dead:
    """Back to the queue for ``delay_s`` without using an attempt; Dead if it is too old (S3)."""
    due_at = now + delay_s
    if due_at - event.accepted_at > AGE_S_MAX:
        return Dead(DeadLetterCondition.EVENT_AGE_EXCEEDED, detail)
    return Again(plan_successor(event, due_at=due_at, uses_attempt=False))


def check_age(event: QueuedEvent, now: float, detail: str = "") -> Dead | None:
    """Dead if ``event`` is too old to be run at ``now`` (S3)."""
    if now - event.accepted_at > AGE_S_MAX:
        return Dead(DeadLetterCondition.EVENT_AGE_EXCEEDED, detail)
    return None


def _settle_function_error(event: QueuedEvent, outcome: Outcome, now: float) -> Settlement:
    detail = outcome.payload[:_DETAIL_BYTES_MAX].decode("utf-8", "replace")
    if event.attempt > RETRIES_MAX:
        return Dead(DeadLetterCondition.RETRIES_EXHAUSTED, detail)
    due_at = now + RETRY_DELAYS_S[event.attempt - 1]
    if due_at - event.accepted_at > AGE_S_MAX:
        return Dead(DeadLetterCondition.EVENT_AGE_EXCEEDED, detail)
    return Again(plan_successor(event, due_at=due_at, uses_attempt=True))
