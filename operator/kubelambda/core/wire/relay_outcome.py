"""How a relayed invocation ended, as the gateway that ran it tells the sender.

Contract: pure; answers to the requests of ``core.wire.relay``: values in, a header and a body out,
and back. An outcome takes the version of its request.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.checked_values import read_integer, read_text
from kubelambda.core.wire.relay import (
    BEGUN_SIGN,
    POSITIONAL,
    SIGN_OF_LIFE,
    VERSION,
    MalformedRelayError,
    check_version,
    write_json,
)

OUTCOME_HEADER = "x-kubelambda-outcome"
STREAM_OUTCOMES = {POSITIONAL: '["stream"]', VERSION: '{"v":1,"kind":"stream"}'}
"""Values of OUTCOME_HEADER if the body is an event stream that the caller gets unchanged."""
OUTCOME_IN_BODY = '{"v":1,"kind":"body"}'
_MESSAGE_CHARS_MAX = 65_536
_RETRY_AFTER_S_MAX = 86_400


def encode_outcome(outcome: Outcome | ApiError, version: int = VERSION) -> tuple[str, bytes]:
    """The value of OUTCOME_HEADER, and the body, for a request of ``version``."""
    if isinstance(outcome, Outcome):
        if version == POSITIONAL:
            return write_json(["outcome", outcome.function_error, outcome.tail]), outcome.payload
        members: dict[str, Any] = {"v": VERSION, "kind": "outcome", "tail": outcome.tail}
        return write_json(members | {"functionError": outcome.function_error}), outcome.payload
    if version == POSITIONAL:
        texts = [outcome.code, outcome.message, outcome.reason]
        return write_json(["error", outcome.status, *texts, outcome.retry_after_s]), b""
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
    return write_json(members), b""


def encode_outcome_body(outcome: Outcome | ApiError) -> bytes:
    """The end of a body with signs of life: the outcome on a line of its own, then the payload."""
    header, payload = encode_outcome(outcome)
    return header.encode() + b"\n" + payload


def decode_outcome(header: str, body: bytes) -> Outcome | ApiError:
    """What either of the two functions encoded; MalformedRelayError for anything else."""
    try:
        members = json.loads(header)
        if isinstance(members, list):
            return _decode_positional_outcome(members, body)
        check_version(members)
        if members["kind"] == "body":
            line, _, body = body.lstrip(SIGN_OF_LIFE + BEGUN_SIGN).partition(b"\n")
            members = json.loads(line)
            check_version(members)
        return _READERS[members["kind"]](members, body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedRelayError(f"not an outcome: {error!r}") from error


def is_stream(header: str) -> bool:
    """Whether the body is an event stream that the caller gets unchanged."""
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


def _read_long(value: Any) -> str:
    return read_text(value, chars_max=_MESSAGE_CHARS_MAX)


def _read_status(value: Any) -> int:
    return read_integer(value, low=400, high=599)


def _read_retry_after(value: Any) -> int:
    return read_integer(value, high=_RETRY_AFTER_S_MAX)
