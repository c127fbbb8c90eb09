"""Relaying an invocation to a gateway: between gateways, and from dispatchers and triggers.

``POST /internal/v1/invoke`` on a gateway's internal listener. The request's body is the event as it
is; everything else stands in the header META_HEADER (JSON, signed together with the body as in
``core.wire.keys``). The answer is 200 with the header OUTCOME_HEADER (JSON) and the payload as its
body, whatever the outcome; before that, an interim ``102 Processing`` says that the event has been
handed to an environment. A sender that loses the connection before the 102 may send again, one that
loses it afterwards may not, unless a second run is allowed (asynchronous events: the same
``request_id`` finds the running event or the kept result). 421 means that the receiver does not own
the function and that the sender has relayed before (``hops``); 401 a wrong signature.

Contract: pure; values in, bytes and texts out, and back.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.keys import sign_request, verify_request

RELAY_PATH = "/internal/v1/invoke"
META_HEADER = "x-kubelambda-relay"
OUTCOME_HEADER = "x-kubelambda-outcome"
STREAM_OUTCOME = '["stream"]'
"""Value of OUTCOME_HEADER where the body is an event stream for the caller as it is."""
HOPS_MAX = 1


class MalformedRelayError(ValueError):
    """The header is not what this module writes."""


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """Everything about an event but its payload. ``function_name`` is AWS's name for it."""

    request_id: str
    namespace: str
    function_name: str
    qualifier: str = ""
    """As the caller gave it; resolved where the event is run."""
    trace_id: str = ""
    client_context: str = ""
    """JSON text, decoded."""
    wants_tail: bool = False
    may_repeat: bool = False
    """The same ``request_id`` may have been relayed before and have begun."""
    stream: bool = False
    """The answer is wanted as an event stream, made by the owner (STREAM_OUTCOME)."""
    epoch: int = 0
    """The sender's view; 0 for senders that have none. A receiver that is behind waits for it."""
    hops: int = 0
    """How many gateways have handled the event; at HOPS_MAX nobody relays it any further."""


def encode_request(request: RelayRequest) -> str:
    """The value of META_HEADER."""
    context = base64.b64encode(request.client_context.encode()).decode()
    identity = [request.request_id, request.namespace, request.function_name, request.qualifier]
    event = [request.trace_id, context, request.wants_tail, request.may_repeat]
    if request.stream:  # left out otherwise: a gateway of the release before reads four members
        event.append(True)
    return json.dumps([identity, event, [request.epoch, request.hops]], separators=(",", ":"))


def decode_request(header: str) -> RelayRequest:
    """The request that ``header`` stands for; MalformedRelayError for anything else."""
    try:
        identity, event, (epoch, hops) = json.loads(header)
        request_id, namespace, name, qualifier = identity
        trace_id, context, tail, may_repeat, *stream = event
        return RelayRequest(
            request_id=_text(request_id),
            namespace=_text(namespace),
            function_name=_text(name),
            qualifier=_text(qualifier),
            trace_id=_text(trace_id),
            client_context=base64.b64decode(_text(context), validate=True).decode(),
            wants_tail=tail is True,
            may_repeat=may_repeat is True,
            stream=stream == [True],
            epoch=int(epoch),
            hops=int(hops),
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise MalformedRelayError(f"not a relayed request: {error!r}") from error


def sign_relay(key: bytes, meta: str, body: bytes, now_s: int) -> str:
    """The signature of a relayed event: over its metadata and its payload."""
    return sign_request(key, "POST", f"{RELAY_PATH}\n{meta}", body, now_s)


def verify_relay(key: bytes, signature: str, meta: str, body: bytes, now_s: int) -> bool:
    """Whether ``sign_relay`` with ``key`` made ``signature`` in the last 30 s."""
    return verify_request(key, signature, "POST", f"{RELAY_PATH}\n{meta}", body, now_s)


def encode_outcome(outcome: Outcome | ApiError) -> tuple[str, bytes]:
    """The value of OUTCOME_HEADER, and the body."""
    if isinstance(outcome, Outcome):
        members: list[Any] = ["outcome", outcome.function_error, outcome.tail]
        return json.dumps(members, separators=(",", ":")), outcome.payload
    members = [
        "error",
        outcome.status,
        outcome.code,
        outcome.message,
        outcome.reason,
        outcome.retry_after_s,
    ]
    return json.dumps(members, separators=(",", ":")), b""


def decode_outcome(header: str, body: bytes) -> Outcome | ApiError:
    """What ``encode_outcome`` was given; MalformedRelayError for anything else."""
    try:
        kind, *members = json.loads(header)
        if kind == "outcome":
            function_error, tail = members
            return Outcome(body, function_error is True, _text(tail))
        status, code, message, reason, retry_after_s = members
        return ApiError(
            int(status),
            _text(code),
            _text(message),
            _text(reason),
            None if retry_after_s is None else int(retry_after_s),
        )
    except (ValueError, TypeError) as error:
        raise MalformedRelayError(f"not an outcome: {error!r}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
