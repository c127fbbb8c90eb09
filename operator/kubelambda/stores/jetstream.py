"""The queue of a cluster: NATS JetStream, 2.12 or newer.

Contract: ``core.asynchronous.queue.Queue``. Durable as the stream's storage is: with one replica
and the server's ``sync_interval: always`` after an fsync, with three after a quorum. While the
server is away everything raises QueueUnavailableError at once. A message that cannot be read is
scheduled anew as it is: the number of messages that were delivered and are not acknowledged is
limited, and it must not stay among them. LIMIT: one consumer for all functions: the events of a
great backlog are leased before later ones of other functions, and given back
(``core.asynchronous.lanes``).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from kubelambda.core.asynchronous.queue import (
    LEASE_S,
    DeadLetter,
    Lease,
    QueuedEvent,
    QueueUnavailableError,
    UnreadableEventError,
    decode_event,
    plan_unreadable_delay_s,
)
from kubelambda.stores.jetstream_messages import (
    FIRST_ID,
    HEADER,
    LOOKS,
    MESSAGE_ID,
    build_event_headers,
    build_letter_headers,
    identify,
    read_count,
    read_letter,
)
from kubelambda.stores.jetstream_streams import (
    ANSWER_S,
    CONSUMER,
    DEAD,
    DEAD_SUBJECT,
    EVENTS,
    LATER_SUBJECT,
    RUN_SUBJECT,
    build_subject,
    declare_streams,
)
from kubelambda.stores.nats_connection import RETRY_S, NatsConnection, NotConnectedError
from kubelambda.stores.unreadable import UnreadableRecords

logger = logging.getLogger(__name__)

HEADER_BYTES = 16_384
"""Room that the server's max_payload must leave beside the payload."""
SOON_S = 0.05
FETCH_S_MIN = 0.01


class JetStreamQueue:
    """The queue over ``connection``, which somebody else opens and closes."""

    def __init__(
        self,
        connection: NatsConnection,
        *,
        replicas: int = 1,
        lease_s: float = LEASE_S,
        on_unreadable: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._replicas = replicas
        self._lease_s = lease_s
        self._context: JetStreamContext | None = None
        self._unreadable = UnreadableRecords(on_unreadable)
        self._pulling: tuple[Client, JetStreamContext.PullSubscription] | None = None
        connection.prepare(self._declare)

    async def publish(self, event: QueuedEvent) -> None:
        """Keep ``event``, as a scheduled message if it is due later."""
        headers = build_event_headers(event)
        subject = build_subject(RUN_SUBJECT, f"{event.namespace}/{event.function_name}")
        delay_s = event.due_at - datetime.now(UTC).timestamp()
        if delay_s > SOON_S:
            await self._publish_later(subject, event.payload, headers, delay_s)
        else:
            await self._publish(subject, event.payload, headers)

    async def lease(self, limit: int, wait_s: float) -> Sequence[Lease]:
        """Up to ``limit`` events that are due."""
        try:
            context, client = self._require()
        except QueueUnavailableError:
            await asyncio.sleep(min(wait_s, RETRY_S))
            raise
        try:
            pulling = await self._subscribe(context, client)
            return await self._pull(pulling, limit, wait_s)
        except TimeoutError:
            return []
        except (NatsError, OSError) as error:
            await self._declare_again(client)
            raise QueueUnavailableError(f"NATS: {error!r}") from error

    async def extend(self, lease: Lease) -> None:
        """Hold it for the lease's time more."""
        await _settle(lease.token.in_progress())

    async def ack(self, lease: Lease) -> None:
        """Take the event out; returns when the server has confirmed it."""
        await _settle(lease.token.ack_sync(timeout=ANSWER_S))

    async def release(self, lease: Lease) -> None:
        """Give it back."""
        await _settle(lease.token.nak())

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep the dead letter for 14 days."""
        event = letter.event
        subject = build_subject(DEAD_SUBJECT, f"{event.namespace}/{event.function_name}")
        await self._publish(subject, event.payload, build_letter_headers(letter))

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest ones."""
        context, _ = self._require()
        try:
            state = (await context.stream_info(DEAD)).state
            letters: list[DeadLetter] = []
            for sequence in range(state.first_seq, state.last_seq + 1):
                if len(letters) == limit:
                    break
                try:
                    found = await context.get_msg(DEAD, sequence)
                    letters.append(read_letter(found.headers or {}, found.data or b""))
                except NotFoundError:
                    continue
                except UnreadableEventError as error:
                    self._unreadable.note(error)
        except (NatsError, OSError, TimeoutError) as error:
            raise QueueUnavailableError(f"NATS: {error}") from error
        return letters

    async def close(self) -> None:
        """Does nothing: leases run out by themselves, and the connection is the caller's."""

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

    async def _publish_later(
        self, subject: str, payload: bytes, headers: dict[str, str], delay_s: float
    ) -> None:
        """A scheduled message: the server publishes it to ``subject`` in ``delay_s``."""
        due_at = (datetime.now(UTC) + timedelta(seconds=delay_s)).isoformat()
        schedule = {
            "Nats-Schedule": f"@at {due_at.replace('+00:00', 'Z')}",
            "Nats-Schedule-Target": subject,
        }
        later = build_subject(LATER_SUBJECT, headers[MESSAGE_ID])
        await self._publish(later, payload, headers | schedule)

    async def _pull(
        self, pulling: JetStreamContext.PullSubscription, limit: int, wait_s: float
    ) -> list[Lease]:
        loop = asyncio.get_running_loop()
        end, leases = loop.time() + wait_s, list[Lease]()
        while not leases:  # what was pulled may be unreadable, all of it
            left_s = max(end - loop.time(), FETCH_S_MIN)
            messages = await pulling.fetch(limit, timeout=left_s)
            leases = [lease for message in messages if (lease := await self._read(message))]
        return leases

    async def _subscribe(
        self, context: JetStreamContext, client: Client
    ) -> JetStreamContext.PullSubscription:
        """One subscription for each client; nats-py renews it after a reconnection."""
        if self._pulling is None or self._pulling[0] is not client:
            bound = await context.pull_subscribe_bind(consumer=CONSUMER, stream=EVENTS)
            self._pulling = (client, bound)
        return self._pulling[1]

    async def _read(self, message: Msg) -> Lease | None:
        try:
            header = (message.headers or {}).get(HEADER, "")
            return Lease(decode_event(header, message.data), message)
        except UnreadableEventError as error:
            self._unreadable.note(error)
            await self._leave_alone(message)
            return None

    async def _leave_alone(self, message: Msg) -> None:
        """Schedule the same message once more for later, then acknowledge this one (Q7)."""
        headers = {
            name: value
            for name, value in (message.headers or {}).items()
            if not name.startswith("Nats-")
        }
        looks = read_count(headers.get(LOOKS, ""))
        first_id = headers.setdefault(FIRST_ID, identify(message))
        headers |= {LOOKS: str(looks + 1), MESSAGE_ID: f"{first_id}/look/{looks}"}
        delay_s = plan_unreadable_delay_s(looks)
        try:
            await self._publish_later(message.subject, message.data, headers, delay_s)
            await _settle(message.ack_sync(timeout=ANSWER_S))
        except QueueUnavailableError as error:
            logger.warning("%s; a record that cannot be read is delivered again", error)

    async def _declare_again(self, client: Client) -> None:
        """In case somebody has deleted a stream or the consumer."""
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            await self._declare(client)

    async def _declare(self, client: Client) -> None:
        self._context = await declare_streams(
            client, replicas=self._replicas, lease_s=self._lease_s
        )


async def _settle(operation: Any) -> None:
    try:
        await operation
    except (NatsError, OSError, TimeoutError) as error:
        raise QueueUnavailableError(f"NATS: {error!r}") from error
