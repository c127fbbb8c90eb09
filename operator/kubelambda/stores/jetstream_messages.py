"""What stands in the headers of the queue's messages on NATS JetStream.

Contract: pure. The payload of a message is the event's own; everything else is a header.
"""

import json

from nats.aio.msg import Msg

from kubelambda.core.asynchronous.queue import (
    LETTER_VERSION,
    DeadLetter,
    QueuedEvent,
    UnreadableEventError,
    decode_letter,
    encode_header,
)
from kubelambda.stores.jetstream_streams import EVENTS

HEADER, CONDITION, DETAIL = "Kubelambda-Event", "Kubelambda-Condition", "Kubelambda-Detail"
VERSION = "Kubelambda-Letter-Version"
FIRST_ID = "Kubelambda-First-Id"
"""What tells a message that cannot be read from others, however often it is scheduled anew."""
LOOKS = "Kubelambda-Looks"
"""How often a message was looked at by releases that could not read it."""
MESSAGE_ID = "Nats-Msg-Id"
"""By which the server knows a message that is published again."""


def build_event_headers(event: QueuedEvent) -> dict[str, str]:
    """Headers of the message that carries ``event``."""
    return {MESSAGE_ID: event.message_id, HEADER: encode_header(event)}


def build_letter_headers(letter: DeadLetter) -> dict[str, str]:
    """Headers of the message that carries ``letter``."""
    return {
        MESSAGE_ID: f"{letter.event.message_id}/dead",
        HEADER: encode_header(letter.event),
        VERSION: str(LETTER_VERSION),
        CONDITION: letter.condition,
        DETAIL: json.dumps(letter.detail),
    }


def read_letter(headers: dict[str, str], payload: bytes) -> DeadLetter:
    """The dead letter that a message is; UnreadableEventError if that cannot be told."""
    try:
        version, detail = int(headers.get(VERSION, "1")), str(json.loads(headers.get(DETAIL, '""')))
    except (ValueError, RecursionError) as error:
        raise UnreadableEventError(f"not a dead letter: {error!r}") from error
    return decode_letter(
        version, headers.get(HEADER, ""), payload, headers.get(CONDITION, ""), detail
    )


def read_count(text: str) -> int:
    """The count in LOOKS; 0 if there is none."""
    return int(text) if text.isascii() and text.isdigit() else 0


def identify(message: Msg) -> str:
    """The id that it was published with, or its place in the stream."""
    given = (message.headers or {}).get(MESSAGE_ID)
    return given or f"{EVENTS}/{message.metadata.sequence.stream}"
