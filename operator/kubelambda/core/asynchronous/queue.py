"""Queued asynchronous events: their envelope, and what every queue promises.

Contract: values and the port ``Queue``; its drivers are in ``stores`` and pass one conformance
suite (tests/conformance/queue). Rules, named in its tests:

- Q1 ``publish`` returns when the event is durable; an event that was published is delivered at
  least once, whatever process is killed.
- Q2 a message id that was published within the last two minutes is not delivered a second time.
- Q3 an event is not leased before it is due.
- Q4 a lease that is neither settled nor extended for LEASE_S is delivered again.
- Q5 only ``ack`` takes an event out of the queue; settling a lease that has run out neither loses
  nor doubles the event.
- Q6 what has become a dead letter stays readable.
- Q7 a record that this release cannot read (a newer envelope, or a damaged one) is kept. It is
  never delivered or acknowledged, and it does not hold up others. It is looked at again after a
  growing delay, until a release runs that can read it.

Envelopes and dead letters carry a version. Members may be added within a version, and readers
ignore those that they do not know; the version rises only if an older reader must not act on
the record. So releases N and N-1 read each other's.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from kubelambda.core.backoff import exponential_delay_s

ENVELOPE_VERSION = 1
LETTER_VERSION = 1
LEASE_S = 30.0
DEDUPLICATION_S = 120.0
UNREADABLE_S_MIN = 5.0
UNREADABLE_S_MAX = 300.0


class QueueUnavailableError(Exception):
    """The queue could not do it now; an event that was to be published is not in the queue."""


class UnreadableEventError(ValueError):
    """The record is of a newer release, or damaged; drivers keep it (Q7)."""


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """One asynchronous invocation. Times are unix seconds."""

    request_id: str
    """The same on every run of the event (spec 3.2)."""
    namespace: str
    function_name: str
    payload: bytes = field(repr=False)
    accepted_at: float
    qualifier: str = ""
    """As the caller gave it; resolved when the event is run."""
    trace_id: str = ""
    function_uid: str = ""
    """The LambdaFunction when the event was accepted; empty in events of older releases."""
    attempt: int = 1
    """Which attempt the next run is, from 1; only function errors use one up."""
    deferrals: int = 0
    """How often it was put off since then without using an attempt."""
    due_at: float = 0.0

    @property
    def message_id(self) -> str:
        """Differs between retries, and is the same when one is published repeatedly."""
        return f"{self.request_id}/{self.attempt}/{self.deferrals}"


@dataclass(frozen=True, slots=True)
class Lease:
    """An event that a dispatcher holds; ``token`` is the driver's own."""

    event: QueuedEvent
    token: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that will not be run again, and why."""

    event: QueuedEvent
    condition: str
    """The reason constant of ``core.asynchronous.settle``."""
    detail: str = ""


class Queue(Protocol):
    """Where asynchronous events wait. All methods raise QueueUnavailableError if they failed."""

    async def publish(self, event: QueuedEvent) -> None:
        """Keep ``event`` (Q1, Q2)."""
        ...

    async def lease(self, limit: int, wait_s: float) -> Sequence[Lease]:
        """Up to ``limit`` events that are due; waits up to ``wait_s`` for the first (Q3)."""
        ...

    async def extend(self, lease: Lease) -> None:
        """Hold ``lease`` for LEASE_S more (Q4)."""
        ...

    async def ack(self, lease: Lease) -> None:
        """Take the event out: its outcome, or its successor, is durable (Q5)."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the event back at once; it has not run."""
        ...

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep ``letter`` among the dead ones; returns when it is durable."""
        ...

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest dead letters."""
        ...

    async def close(self) -> None:
        """Close connections and files; leases run out by themselves."""
        ...


def plan_successor(event: QueuedEvent, *, due_at: float, uses_attempt: bool) -> QueuedEvent:
    """The event that follows ``event`` when it has to be run again."""
    if uses_attempt:
        return replace(event, attempt=event.attempt + 1, deferrals=0, due_at=due_at)
    return replace(event, deferrals=event.deferrals + 1, due_at=due_at)


def plan_unreadable_delay_s(looks: int) -> float:
    """How long until an unreadable record is looked at again, after ``looks`` times before (Q7)."""
    return exponential_delay_s(looks, UNREADABLE_S_MIN, UNREADABLE_S_MAX)


def encode_header(event: QueuedEvent) -> str:
    """Everything but the payload, as JSON in ASCII."""
    return json.dumps(
        {
            "version": ENVELOPE_VERSION,
            "requestId": event.request_id,
            "namespace": event.namespace,
            "functionName": event.function_name,
            "functionUid": event.function_uid,
            "qualifier": event.qualifier,
            "traceId": event.trace_id,
            "acceptedAt": event.accepted_at,
            "attempt": event.attempt,
            "deferrals": event.deferrals,
            "dueAt": event.due_at,
        },
        separators=(",", ":"),
    )


def decode_event(header: str | bytes, payload: bytes) -> QueuedEvent:
    """What ``encode_header`` was given; UnreadableEventError if that cannot be told."""
    try:
        raw = json.loads(header)
        _check_version("envelope", int(raw["version"]), ENVELOPE_VERSION)
        return QueuedEvent(
            request_id=_read_text(raw["requestId"]),
            namespace=_read_text(raw["namespace"]),
            function_name=_read_text(raw["functionName"]),
            payload=payload,
            accepted_at=_read_time(raw["acceptedAt"]),
            qualifier=_read_text(raw.get("qualifier", "")),
            trace_id=_read_text(raw.get("traceId", "")),
            function_uid=_read_text(raw.get("functionUid", "")),
            attempt=_read_count(raw["attempt"], least=1),
            deferrals=_read_count(raw["deferrals"], least=0),
            due_at=_read_time(raw["dueAt"]),
        )
    except UnreadableEventError:
        raise
    except (
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        AttributeError,
        RecursionError,
    ) as error:
        raise UnreadableEventError(f"not an envelope: {error!r}") from error


def decode_letter(
    version: int, header: str | bytes, payload: bytes, condition: str, detail: str
) -> DeadLetter:
    """A dead letter out of what a driver keeps of it; UnreadableEventError as ``decode_event``."""
    _check_version("dead letter", version, LETTER_VERSION)
    return DeadLetter(decode_event(header, payload), condition, detail)


def _check_version(kind: str, version: int, known: int) -> None:
    if not 1 <= version <= known:
        raise UnreadableEventError(
            f"{kind} of version {version}; this release reads up to version {known}"
        )


def _read_text(value: Any) -> str:
    """As text that can be written again; half a surrogate pair cannot, which is a ValueError."""
    text = str(value)
    text.encode()
    return text


def _read_time(value: Any) -> float:
    time_s = float(value)
    if not math.isfinite(time_s):
        raise ValueError(f"{value} is not a time")
    return time_s


def _read_count(value: Any, *, least: int) -> int:
    count = int(value)
    if count < least:
        raise ValueError(f"{value} is below {least}")
    return count
