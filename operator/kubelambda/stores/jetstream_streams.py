"""The streams and the consumer of the queue on NATS JetStream, and the subjects in them.

Contract: a work-queue stream holds events that are due and, as scheduled messages, those that are
not yet; a second stream holds the dead letters. Subjects are made of hashes, since names are data
(rule A7). Declaring is safe to repeat.
"""

import hashlib
import json
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext

from kubelambda.core.asynchronous.queue import DEDUPLICATION_S

EVENTS, DEAD = "KUBELAMBDA_EVENTS", "KUBELAMBDA_DEAD"
RUN_SUBJECT, LATER_SUBJECT = "kubelambda.run", "kubelambda.later"
DEAD_SUBJECT = "kubelambda.dead"
CONSUMER = "dispatchers"
DEAD_S = 14 * 86_400
PENDING_MAX = 10_000
ANSWER_S = 5.0
_NANOSECONDS = 1_000_000_000


def build_subject(prefix: str, name: str) -> str:
    """The subject below ``prefix`` of whatever ``name`` names."""
    return f"{prefix}.{hashlib.sha256(name.encode()).hexdigest()[:32]}"


async def declare_streams(client: Client, *, replicas: int, lease_s: float) -> JetStreamContext:
    """Make streams and consumer, or bring them up to date; raises what nats-py raises."""
    run, later = f"{RUN_SUBJECT}.>", f"{LATER_SUBJECT}.>"
    work_queue = {"retention": "workqueue", "allow_msg_schedules": True}
    await _declare_stream(client, EVENTS, [run, later], replicas, work_queue)
    age = {"max_age": DEAD_S * _NANOSECONDS}
    await _declare_stream(client, DEAD, [f"{DEAD_SUBJECT}.>"], replicas, age)
    config = ConsumerConfig(
        durable_name=CONSUMER,
        filter_subject=run,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=lease_s,
        max_deliver=-1,
        max_ack_pending=PENDING_MAX,
    )
    context = client.jetstream(timeout=ANSWER_S)
    await context.add_consumer(EVENTS, config)
    return context


async def _declare_stream(
    client: Client, name: str, subjects: list[str], replicas: int, more: dict[str, Any]
) -> None:
    """Over the plain API: nats-py knows no scheduled messages."""
    config = {
        "name": name,
        "subjects": subjects,
        "storage": "file",
        "num_replicas": replicas,
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
