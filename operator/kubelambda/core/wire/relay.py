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
members are ignored. Version 0 is the positional lists of the last release without versions: a
receiver reads them and answers in kind, and a sender whose request got 400 sends it once more in
version 0.

Contract: pure; requests here, outcomes in ``relay_outcome``: values in, texts out, and back.
"""

import base64
import binascii
import json
from typing import Any, NamedTuple

from kubelambda.core.wire.checked_values import (
    TEXT_CHARS_MAX,
    read_epoch,
    read_integer,
    read_name,
    read_text,
)

RELAY_PATH = "/internal/v1/invoke"
META_HEADER = "x-kubelambda-relay"
VERSION = 1
POSITIONAL = 0
"""The version of the last release that had no versions."""
SIGN_OF_LIFE = b"\n"
BEGUN_SIGN = b"+"
"""Once among the signs of life: the event was handed to an environment."""
SIGN_OF_LIFE_S = 5.0
SILENCE_S_MAX = 20.0
HOPS_MAX = 1
_HOPS_READ_MAX = 100
_TRACE_CHARS_MAX = 16_384


class MalformedRelayError(ValueError):
    """The header is not what this module writes."""


class RelayRequest(NamedTuple):
    """Everything about an event but its payload. ``function_name`` is AWS's name for it.

    A tuple, since a frozen dataclass of this size takes five times as long to make.
    """

    request_id: str
    namespace: str
    function_name: str
    function_uid: str = ""
    """The LambdaFunction, if the sender knows it: tells "deleted" from "not known yet"."""
    qualifier: str = ""
    """As the caller gave it; part of the ARN that the function sees."""
    trace_id: str = ""
    client_context: str = ""
    """JSON text, decoded."""
    function_version: str = ""
    """The version that a gateway has chosen for the qualifier; just that one is run. Empty: none
    has chosen yet."""
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
        "functionVersion": request.function_version,
        "tail": request.wants_tail,
        "mayRepeat": request.may_repeat,
        "stream": request.stream,
        "signsOfLife": request.signs_of_life,
        "epoch": request.epoch,
        "hops": request.hops,
    }
    return write_json({name: value for name, value in members.items() if value})


def decode_request(header: str) -> RelayRequest:
    """The request that ``header`` stands for; MalformedRelayError for anything else."""
    try:
        members = json.loads(header)
        if isinstance(members, list):
            return _decode_positional(members)
        check_version(members)
        return RelayRequest(
            request_id=read_name(members["requestId"]),
            namespace=read_name(members["namespace"]),
            function_name=read_name(members["functionName"]),
            function_uid=read_text(members.get("functionUid", "")),
            qualifier=read_text(members.get("qualifier", "")),
            trace_id=read_text(members.get("traceId", ""), chars_max=_TRACE_CHARS_MAX),
            client_context=_decode_context(members.get("clientContext", "")),
            function_version=read_text(members.get("functionVersion", "")),
            wants_tail=members.get("tail") is True,
            may_repeat=members.get("mayRepeat") is True,
            stream=members.get("stream") is True,
            signs_of_life=members.get("signsOfLife") is True,
            epoch=read_epoch(members.get("epoch", 0)),
            hops=read_integer(members.get("hops", 0), high=_HOPS_READ_MAX),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedRelayError(f"not a relayed request: {error!r}") from error


def _encode_positional(request: RelayRequest, context: str) -> str:
    identity = [request.request_id, request.namespace, request.function_name, request.qualifier]
    event = [request.trace_id, context, request.wants_tail, request.may_repeat]
    if request.stream:
        event.append(True)
    return write_json([identity, event, [request.epoch, request.hops]])


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


def check_version(members: dict[str, Any]) -> None:
    """ValueError if ``members`` are of a newer version than this release knows."""
    if read_integer(members["v"], low=1) > VERSION:
        raise ValueError(f"version {members['v']} is newer than this release knows")


def write_json(members: Any) -> str:
    """JSON in ASCII without blanks, as headers take it."""
    return json.dumps(members, separators=(",", ":"))


def _decode_context(value: Any) -> str:
    text = read_text(value, chars_max=4 * TEXT_CHARS_MAX)
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error as error:
        raise ValueError("not base64") from error
