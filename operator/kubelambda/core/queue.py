"""Asynchronous events on their way: the envelope, and what every queue promises.

Contract: values and the port ``Queue``; drivers live in ``stores`` and pass one conformance suite
(tests/conformance/queue). Rules, named in its tests:

- Q1 ``publish`` returns when the event is durable; what was published is delivered at least once,
  whatever is killed.
- Q2 a message id that was published within the last two minutes is not delivered a second time.
- Q3 an event is not leased before it is due.
- Q4 a lease that is neither settled nor extended for LEASE_S is delivered again.
- Q5 nothing but ``ack`` takes an event out of the queue; a settle by a lease that has run out
  neither loses nor doubles it.
- Q6 what was buried stays readable.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

ENVELOPE_VERSION = 1
LEASE_S = 30.0
DEDUPLICATION_S = 120.0


class QueueUnavailableError(Exception):
    """The queue took nothing: the caller must not be told that it did."""


class MalformedEventError(ValueError):
    """The header is not what this module writes."""


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """One asynchronous invocation. Times are unix seconds."""

    request_id: str
    """The same on every run (spec 3.2)."""
    namespace: str
    function_name: str
    payload: bytes = field(repr=False)
    accepted_at: float
    qualifier: str = ""
    """As the caller gave it; resolved when the event is run."""
    trace_id: str = ""
    function_uid: str = ""
    """The function's object when the event was accepted; empty in events of older releases."""
    attempt: int = 1
    """Which run this is to be, by the rule for function errors."""
    deferrals: int = 0
    """How often it was put off without using an attempt."""
    due_at: float = 0.0

    @property
    def message_id(self) -> str:
        """Tells a retry from a repeated publish of the same."""
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
    """The reason constant of ``core.settle``."""
    detail: str = ""


class Queue(Protocol):
    """Where asynchronous events wait. All methods raise QueueUnavailableError where they failed."""

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
        """Done with it: its outcome, or its successor, is durable (Q5)."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give it back at once, undone."""
        ...

    async def bury(self, letter: DeadLetter) -> None:
        """Keep ``letter`` among the dead ones; returns when it is durable."""
        ...

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest dead letters."""
        ...

    async def close(self) -> None:
        """Give up connections and files; leases run out by themselves."""
        ...


def plan_successor(event: QueuedEvent, *, due_at: float, uses_attempt: bool) -> QueuedEvent:
    """The event that follows ``event`` when it has to be run again."""
    if uses_attempt:
        return replace(event, attempt=event.attempt + 1, deferrals=0, due_at=due_at)
    return replace(event, deferrals=event.deferrals + 1, due_at=due_at)


def encode_header(event: QueuedEvent) -> str:
    """Everything but the payload, as JSON in ASCII."""
    return json.dumps(
        {
            "version": ENVELOPE_VERSION,
            "requestId": event.request_id,
            "namespace": event.namespace,
            "functionName": event.function_name,
            "qualifier": event.qualifier,
            "traceId": event.trace_id,
            "acceptedAt": event.accepted_at,
            "attempt": event.attempt,
            "deferrals": event.deferrals,
            "dueAt": event.due_at,
        },
        separators=(",", ":"),
    )


def decode_event(header: str, payload: bytes) -> QueuedEvent:
    """The event that ``encode_header`` was given; MalformedEventError for anything else."""
    try:
        raw = json.loads(header)
        if raw["version"] != ENVELOPE_VERSION:
            raise MalformedEventError(f"an envelope of version {raw['version']}")
        return QueuedEvent(
            request_id=str(raw["requestId"]),
            namespace=str(raw["namespace"]),
            function_name=str(raw["functionName"]),
            payload=payload,
            accepted_at=float(raw["acceptedAt"]),
            qualifier=str(raw["qualifier"]),
            trace_id=str(raw["traceId"]),
            attempt=int(raw["attempt"]),
            deferrals=int(raw["deferrals"]),
            due_at=float(raw["dueAt"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedEventError(f"not an envelope: {error!r}") from error
