"""Relaying an invocation to a gateway: between gateways, and from dispatchers and triggers.

``POST /internal/v1/invoke`` on a gateway's internal listener. The request's body is the event as it
is; everything else stands in the header META_HEADER (JSON). The signature (``core.wire.keys``)
covers the path, a newline and that header's value, and the body. The answer is 200 with the header
OUTCOME_HEADER (JSON) and the payload as its body, whatever the outcome; before that, an interim
``102 Processing`` says that the event has been handed to an environment. A sender that loses the
connection before the 102 may send again, one that loses it afterwards may not, unless a second run
is allowed (asynchronous events: the same ``request_id`` finds the running event or the kept
result). 421 means that the receiver does not own the function and that the sender has relayed
before (``hops``); 401 a wrong signature; 400 metadata that the receiver cannot read.

A sender that asks for ``signs_of_life`` gets the 200 at once, with OUTCOME_IN_BODY as its outcome.
The body is then any number of SIGN_OF_LIFE, one at least every SIGN_OF_LIFE_S, among them one
BEGUN_SIGN when the event has been handed to an environment, the outcome's JSON on a line of its
own, and the payload: whoever hears nothing for SILENCE_S_MAX knows that the gateway is gone.

Versions (docs/formats.md): metadata and outcome are JSON objects with a member ``v``; unknown
members are ignored. Version 0 is the positional lists of the release before the first: a receiver
reads them and answers alike, and a sender whose request got 400 sends it once more in version 0.

Contract: pure; values in, bytes and texts out, and back.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubelambda.core.coordination.membership import read_epoch
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.bounds import TEXT_CHARS_MAX, read_integer, read_name, read_text

RELAY_PATH = "/internal/v1/invoke"
META_HEADER = "x-kubelambda-relay"
OUTCOME_HEADER = "x-kubelambda-outcome"
VERSION = 1
POSITIONAL = 0
"""The version of the release before the first one that had versions."""
STREAM_OUTCOMES = {POSITIONAL: '["stream"]', VERSION: '{"v":1,"kind":"stream"}'}
"""Values of OUTCOME_HEADER where the body is an event stream for the caller as it is."""
OUTCOME_IN_BODY = '{"v":1,"kind":"body"}'
SIGN_OF_LIFE = b"\n"
BEGUN_SIGN = b"+"
"""Once among the signs of life: the event was handed to an environment."""
SIGN_OF_LIFE_S = 5.0
SILENCE_S_MAX = 20.0
HOPS_MAX = 1
_HOPS_READ_MAX = 100
_TRACE_CHARS_MAX = 16_384
_MESSAGE_CHARS_MAX = 65_536
_RETRY_AFTER_S_MAX = 86_400


class MalformedRelayError(ValueError):
    """The header is not what this module writes."""


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """Everything about an event but its payload. ``function_name`` is AWS's name for it."""

    request_id: str
    namespace: str
    function_name: str
    function_uid: str = ""
    """The function's object, where the sender knows it: tells "deleted" from "not known yet"."""
    qualifier: str = ""
    """As the caller gave it; resolved where the event is run."""
    trace_id: str = ""
    client_context: str = ""
    """JSON text, decoded."""
    wants_tail: bool = False
    may_repeat: bool = False
    """The same ``request_id`` may have been relayed before and have begun."""
    stream: bool = False
    """The answer is wanted as an event stream, made by the owner (STREAM_OUTCOMES)."""
    signs_of_life: bool = False
    """The answer is wanted at once, with signs of life until the outcome is there."""
    epoch: int = 0
    """The sender's view; 0 for senders that have none. A receiver that is behind waits for it."""
    hops: int = 0
    """How many gateways have handled the event; at HOPS_MAX nobody relays it any further."""
    version: int = VERSION
    """The form in which it came: the answer takes the same."""


def encode_request(request: RelayRequest, version: int = VERSION) -> str:
    """The value of META_HEADER. POSITIONAL leaves out what that release did not know."""
    context = base64.b64encode(request.client_context.encode()).decode()
    if version == POSITIONAL:
        return _encode_positional(request, context)
    members: dict[str, Any] = {
        "v": VERSION,
        "requestId": request.request_id,
        "namespace": request.namespace,
        "functionName": request.function_name,
        "functionUid": request.function_uid,
        "qualifier": request.qualifier,
        "traceId": request.trace_id,
        "clientContext": context,
        "tail": request.wants_tail,
        "mayRepeat": request.may_repeat,
        "stream": request.stream,
        "signsOfLife": request.signs_of_life,
        "epoch": request.epoch,
        "hops": request.hops,
    }
    return _dump({name: value for name, value in members.items() if value})


def decode_request(header: str) -> RelayRequest:
    """The request that ``header`` stands for; MalformedRelayError for anything else."""
    try:
        members = json.loads(header)
        if isinstance(members, list):
            return _decode_positional(members)
        _check_version(members)
        return RelayRequest(
            request_id=read_name(members["requestId"]),
            namespace=read_name(members["namespace"]),
            function_name=read_name(members["functionName"]),
            function_uid=read_text(members.get("functionUid", "")),
            qualifier=read_text(members.get("qualifier", "")),
            trace_id=read_text(members.get("traceId", ""), chars_max=_TRACE_CHARS_MAX),
            client_context=_decode_context(members.get("clientContext", "")),
            wants_tail=members.get("tail") is True,
            may_repeat=members.get("mayRepeat") is True,
            stream=members.get("stream") is True,
            signs_of_life=members.get("signsOfLife") is True,
            epoch=read_epoch(members.get("epoch", 0)),
            hops=read_integer(members.get("hops", 0), high=_HOPS_READ_MAX),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedRelayError(f"not a relayed request: {error!r}") from error


def encode_outcome(outcome: Outcome | ApiError, version: int = VERSION) -> tuple[str, bytes]:
    """The value of OUTCOME_HEADER, and the body, for a request of ``version``."""
    if isinstance(outcome, Outcome):
        if version == POSITIONAL:
            return _dump(["outcome", outcome.function_error, outcome.tail]), outcome.payload
        members: dict[str, Any] = {"v": VERSION, "kind": "outcome", "tail": outcome.tail}
        return _dump(members | {"functionError": outcome.function_error}), outcome.payload
    if version == POSITIONAL:
        texts = [outcome.code, outcome.message, outcome.reason]
        return _dump(["error", outcome.status, *texts, outcome.retry_after_s]), b""
    members = {
        "v": VERSION,
        "kind": "error",
        "status": outcome.status,
        "code": outcome.code,
        "message": outcome.message,
        "reason": outcome.reason,
        "retryAfterS": outcome.retry_after_s,
        "isGone": outcome.is_gone,
    }
    return _dump(members), b""


def encode_outcome_body(outcome: Outcome | ApiError) -> bytes:
    """What follows the signs of life: the outcome on a line, and the payload."""
    header, payload = encode_outcome(outcome)
    return header.encode() + b"\n" + payload


def decode_outcome(header: str, body: bytes) -> Outcome | ApiError:
    """What either of the two was given; MalformedRelayError for anything else."""
    try:
        members = json.loads(header)
        if isinstance(members, list):
            return _decode_positional_outcome(members, body)
        _check_version(members)
        if members["kind"] == "body":
            line, _, body = body.lstrip(SIGN_OF_LIFE + BEGUN_SIGN).partition(b"\n")
            members = json.loads(line)
            _check_version(members)
        return _READERS[members["kind"]](members, body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedRelayError(f"not an outcome: {error!r}") from error


def is_stream(header: str) -> bool:
    """Whether the body is an event stream for the caller as it is."""
    if header in STREAM_OUTCOMES.values():
        return True
    try:
        members = json.loads(header)
    except (ValueError, RecursionError):
        return False
    return isinstance(members, dict) and members.get("kind") == "stream"


def _decode_success(members: dict[str, Any], body: bytes) -> Outcome:
    return Outcome(body, members["functionError"] is True, _read_long(members["tail"]))


def _decode_error(members: dict[str, Any], _: bytes) -> ApiError:
    retry_after_s = members.get("retryAfterS")
    return ApiError(
        _read_status(members["status"]),
        read_text(members["code"]),
        _read_long(members["message"]),
        read_text(members.get("reason", "")),
        None if retry_after_s is None else _read_retry_after(retry_after_s),
        is_gone=members.get("isGone") is True,
    )


_READERS: Mapping[str, Callable[[dict[str, Any], bytes], Outcome | ApiError]] = {
    "outcome": _decode_success,
    "error": _decode_error,
}


def _encode_positional(request: RelayRequest, context: str) -> str:
    identity = [request.request_id, request.namespace, request.function_name, request.qualifier]
    event = [request.trace_id, context, request.wants_tail, request.may_repeat]
    if request.stream:
        event.append(True)
    return _dump([identity, event, [request.epoch, request.hops]])


def _decode_positional(members: list[Any]) -> RelayRequest:
    identity, event, (epoch, hops) = members
    request_id, namespace, name, qualifier = identity
    trace_id, context, tail, may_repeat, *stream = event
    return RelayRequest(
        request_id=read_name(request_id),
        namespace=read_name(namespace),
        function_name=read_name(name),
        qualifier=read_text(qualifier),
        trace_id=read_text(trace_id, chars_max=_TRACE_CHARS_MAX),
        client_context=_decode_context(context),
        wants_tail=tail is True,
        may_repeat=may_repeat is True,
        stream=stream == [True],
        epoch=read_epoch(epoch),
        hops=read_integer(hops, high=_HOPS_READ_MAX),
        version=POSITIONAL,
    )


def _decode_positional_outcome(members: list[Any], body: bytes) -> Outcome | ApiError:
    kind, *rest = members
    if kind == "outcome":
        function_error, tail = rest
        return Outcome(body, function_error is True, _read_long(tail))
    if kind != "error":
        raise ValueError("an outcome of an unknown kind")
    status, code, message, reason, retry_after_s = rest
    return ApiError(
        _read_status(status),
        read_text(code),
        _read_long(message),
        read_text(reason),
        None if retry_after_s is None else _read_retry_after(retry_after_s),
    )


def _check_version(members: dict[str, Any]) -> None:
    if read_integer(members["v"], low=1) > VERSION:
        raise ValueError(f"version {members['v']} is newer than this release knows")


def _read_long(value: Any) -> str:
    return read_text(value, chars_max=_MESSAGE_CHARS_MAX)


def _read_status(value: Any) -> int:
    return read_integer(value, low=400, high=599)


def _read_retry_after(value: Any) -> int:
    return read_integer(value, high=_RETRY_AFTER_S_MAX)


def _decode_context(value: Any) -> str:
    text = read_text(value, chars_max=4 * TEXT_CHARS_MAX)
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _dump(members: Any) -> str:
    return json.dumps(members, separators=(",", ":"))
