"""The queue of a cluster: NATS JetStream, 2.12 or newer.

Contract: ``core.queue.Queue``. Durable as the stream's storage is: with one replica and the
server's ``sync_interval: always`` after an fsync, with three after a quorum. A work-queue stream
holds what is due and, as scheduled messages, what is not yet; a second one the dead letters.
Subjects are made of hashes: names are data (FAULTS rule 4.7). While the server is away everything
raises QueueUnavailableError at once. LIMIT: one consumer for
all functions, so a function with a great backlog delays the others' events.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from kubelambda.core.queue import (
    DEDUPLICATION_S,
    LEASE_S,
    DeadLetter,
    Lease,
    MalformedEventError,
    QueuedEvent,
    QueueUnavailableError,
    decode_event,
    encode_header,
)
from kubelambda.stores.nats_connection import RETRY_S, NatsConnection, NotConnectedError

logger = logging.getLogger(__name__)

EVENTS, DEAD = "KUBELAMBDA_EVENTS", "KUBELAMBDA_DEAD"
RUN_SUBJECT, LATER_SUBJECT = "kubelambda.run", "kubelambda.later"
DEAD_SUBJECT = "kubelambda.dead"
CONSUMER = "dispatchers"
HEADER, CONDITION, DETAIL = "Kubelambda-Event", "Kubelambda-Condition", "Kubelambda-Detail"
DEAD_S = 14 * 86_400
PENDING_MAX = 10_000
ANSWER_S = 5.0
HEADER_BYTES = 16_384
"""Room that the server's max_payload must leave beside the payload."""
SOON_S = 0.05
_NANOSECONDS = 1_000_000_000


class JetStreamQueue:
    """The queue over ``connection``, which somebody else opens and closes."""

    def __init__(
        self, connection: NatsConnection, *, replicas: int = 1, lease_s: float = LEASE_S
    ) -> None:
        self._connection = connection
        self._replicas = replicas
        self._lease_s = lease_s
        self._context: JetStreamContext | None = None
        self._consumer: JetStreamContext.PullSubscription | None = None
        connection.prepare(self._declare)

    async def publish(self, event: QueuedEvent) -> None:
        """Keep ``event``; one that is due later as a scheduled message."""
        now = datetime.now(UTC)
        headers = {"Nats-Msg-Id": event.message_id, HEADER: encode_header(event)}
        subject = f"{RUN_SUBJECT}.{_hash(f'{event.namespace}/{event.function_name}')}"
        delay_s = event.due_at - now.timestamp()
        if delay_s > SOON_S:
            due_at = (now + timedelta(seconds=delay_s)).isoformat().replace("+00:00", "Z")
            headers |= {"Nats-Schedule": f"@at {due_at}", "Nats-Schedule-Target": subject}
            subject = f"{LATER_SUBJECT}.{_hash(event.message_id)}"
        await self._publish(subject, event.payload, headers)

    async def lease(self, limit: int, wait_s: float) -> Sequence[Lease]:
        """Up to ``limit`` events that are due."""
        try:
            self._require()
        except QueueUnavailableError:
            await asyncio.sleep(min(wait_s, RETRY_S))
            raise
        if self._consumer is None:
            return []
        try:
            messages = await self._consumer.fetch(limit, timeout=max(wait_s, 0.01))
        except TimeoutError:
            return []
        except (NatsError, OSError) as error:
            raise QueueUnavailableError(f"NATS: {error}") from error
        return [lease for one in messages if (lease := await self._read(one)) is not None]

    async def extend(self, lease: Lease) -> None:
        """Hold it for the lease's time more."""
        await _settle(lease.token.in_progress())

    async def ack(self, lease: Lease) -> None:
        """Done with it; returns when the server knows."""
        await _settle(lease.token.ack_sync(timeout=ANSWER_S))

    async def release(self, lease: Lease) -> None:
        """Give it back."""
        await _settle(lease.token.nak())

    async def bury(self, letter: DeadLetter) -> None:
        """Keep it among the dead letters, for 14 days."""
        event = letter.event
        headers = {
            "Nats-Msg-Id": f"{event.message_id}/dead",
            HEADER: encode_header(event),
            CONDITION: letter.condition,
            DETAIL: json.dumps(letter.detail),
        }
        subject = f"{DEAD_SUBJECT}.{_hash(f'{event.namespace}/{event.function_name}')}"
        await self._publish(subject, event.payload, headers)

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest ones."""
        context, _ = self._require()
        try:
            state = (await context.stream_info(DEAD)).state
            letters: list[DeadLetter] = []
            for sequence in range(state.first_seq, state.last_seq + 1):
                if len(letters) == limit:
                    break
                with contextlib.suppress(NotFoundError):
                    found = await context.get_msg(DEAD, sequence)
                    letters.append(_read_letter(found.headers or {}, found.data or b""))
        except (NatsError, OSError, TimeoutError) as error:
            raise QueueUnavailableError(f"NATS: {error}") from error
        return letters

    async def close(self) -> None:
        """Nothing to give up: leases run out by themselves."""

    async def _publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        context, client = self._require()
        if len(payload) + HEADER_BYTES > client.max_payload:
            raise QueueUnavailableError(
                f"NATS takes {client.max_payload} bytes a message; set its max_payload to 8MB"
            )
        try:
            await context.publish(subject, payload, headers=headers, timeout=ANSWER_S)
        except (NatsError, OSError, TimeoutError) as error:
            raise QueueUnavailableError(f"NATS: {error!r}") from error

    def _require(self) -> tuple[JetStreamContext, Client]:
        try:
            client = self._connection.client
        except NotConnectedError as error:
            raise QueueUnavailableError(str(error)) from error
        if self._context is None:
            raise QueueUnavailableError("the streams are not declared yet")
        return self._context, client

    async def _read(self, message: Msg) -> Lease | None:
        try:
            return Lease(
                decode_event((message.headers or {}).get(HEADER, ""), message.data), message
            )
        except MalformedEventError as error:
            logger.warning("a message of %s that is no event is taken out: %s", EVENTS, error)
            await _settle(message.term())
            return None

    async def _declare(self, client: Client) -> None:
        run, later = f"{RUN_SUBJECT}.>", f"{LATER_SUBJECT}.>"
        await self._declare_stream(client, EVENTS, [run, later], _work_queue())
        age = {"max_age": DEAD_S * _NANOSECONDS}
        await self._declare_stream(client, DEAD, [f"{DEAD_SUBJECT}.>"], age)
        config = ConsumerConfig(
            durable_name=CONSUMER,
            filter_subject=run,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._lease_s,
            max_deliver=-1,
            max_ack_pending=PENDING_MAX,
        )
        self._context = context = client.jetstream(timeout=ANSWER_S)
        self._consumer = await context.pull_subscribe(
            run, durable=CONSUMER, stream=EVENTS, config=config
        )

    async def _declare_stream(
        self, client: Client, name: str, subjects: list[str], more: dict[str, Any]
    ) -> None:
        """Make the stream or bring it up to date (nats-py knows no scheduled messages)."""
        config = {
            "name": name,
            "subjects": subjects,
            "storage": "file",
            "num_replicas": self._replicas,
            "duplicate_window": int(DEDUPLICATION_S) * _NANOSECONDS,
            **more,
        }
        for verb in ("CREATE", "UPDATE"):
            reply = await client.request(
                f"$JS.API.STREAM.{verb}.{name}", json.dumps(config).encode(), timeout=ANSWER_S
            )
            error = json.loads(reply.data).get("error")
            if error is None:
                return
        raise NatsError(f"stream {name}: {error}")


async def _settle(operation: Any) -> None:
    try:
        await operation
    except (NatsError, OSError, TimeoutError) as error:
        raise QueueUnavailableError(f"NATS: {error!r}") from error


def _work_queue() -> dict[str, Any]:
    return {"retention": "workqueue", "allow_msg_schedules": True}


def _read_letter(headers: dict[str, str], payload: bytes) -> DeadLetter:
    event = decode_event(headers.get(HEADER, ""), payload)
    return DeadLetter(event, headers.get(CONDITION, ""), json.loads(headers.get(DETAIL, '""')))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
