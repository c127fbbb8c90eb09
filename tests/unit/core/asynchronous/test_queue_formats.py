"""Envelopes between releases: N reads what N-1 (6b2581d) wrote, and N-1 what N writes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.core.asynchronous.queue import (
    ENVELOPE_VERSION,
    LETTER_VERSION,
    UNREADABLE_S_MAX,
    UNREADABLE_S_MIN,
    QueuedEvent,
    UnreadableEventError,
    decode_event,
    decode_letter,
    encode_header,
    plan_unreadable_delay_s,
)

VECTORS = Path(__file__).parents[3] / "vectors" / "6b2581d"
EVENT = QueuedEvent(
    "r-1",
    "default",
    "hello",
    b"[1]",
    accepted_at=5.5,
    qualifier="live",
    trace_id="Root=1",
    function_uid="uid-1",
    attempt=2,
    deferrals=3,
    due_at=7.25,
)


def read_as_6b2581d(header: str, payload: bytes) -> dict[str, Any]:
    """``decode_event`` as it stood in that release."""
    raw = json.loads(header)
    if raw["version"] != 1:
        raise ValueError(f"an envelope of version {raw['version']}")
    return {
        "request_id": str(raw["requestId"]),
        "namespace": str(raw["namespace"]),
        "function_name": str(raw["functionName"]),
        "payload": payload,
        "accepted_at": float(raw["acceptedAt"]),
        "qualifier": str(raw["qualifier"]),
        "trace_id": str(raw["traceId"]),
        "attempt": int(raw["attempt"]),
        "deferrals": int(raw["deferrals"]),
        "due_at": float(raw["dueAt"]),
    }


def change(**members: Any) -> str:
    return json.dumps(json.loads(encode_header(EVENT)) | members)


def test_what_is_written_is_read() -> None:
    assert decode_event(encode_header(EVENT), EVENT.payload) == EVENT


@pytest.mark.parametrize("vector", json.loads((VECTORS / "envelopes.json").read_text()))
def test_an_envelope_of_the_release_before_is_read(vector: dict[str, Any]) -> None:
    payload = vector["payload"].encode()
    event = decode_event(vector["header"], payload)
    assert event == QueuedEvent(**vector["event"], payload=payload)
    assert event.function_uid == ""


def test_the_release_before_reads_an_envelope_of_this_one() -> None:
    read = read_as_6b2581d(encode_header(EVENT), EVENT.payload)
    assert QueuedEvent(**read, function_uid=EVENT.function_uid) == EVENT


def test_unknown_members_are_ignored() -> None:
    assert decode_event(change(later={"of": ["any", "kind"]}), EVENT.payload) == EVENT


@pytest.mark.parametrize(
    "header",
    [
        change(version=ENVELOPE_VERSION + 1),
        change(version=0),
        change(version=None),
        change(attempt=0),
        change(attempt=-5),
        change(deferrals=-1),
        change(acceptedAt="soon"),
        change(dueAt=float("nan")),
        change(acceptedAt=float("inf")),
        change(acceptedAt=10**400),
        change(requestId="\ud800"),
        change(functionUid="\udfff"),
        "[" * 100_000,
        "",
        "null",
        "[]",
        '"text"',
        "{}",
    ],
)
def test_q7_what_cannot_be_read_says_so(header: str) -> None:
    with pytest.raises(UnreadableEventError):
        decode_event(header, b"")


@settings(deadline=None)  # on a loaded machine any example may take long
@given(st.text() | st.binary())
def test_q7_no_header_is_an_error_of_another_kind(header: str | bytes) -> None:
    with pytest.raises(UnreadableEventError):
        decode_event(header, b"")


def test_q7_a_newer_dead_letter_says_so() -> None:
    with pytest.raises(UnreadableEventError):
        decode_letter(LETTER_VERSION + 1, encode_header(EVENT), b"", "X", "")


def test_q7_looks_at_what_cannot_be_read_become_rare() -> None:
    delays = [plan_unreadable_delay_s(looks) for looks in range(20)]
    assert delays[0] == UNREADABLE_S_MIN
    assert delays == sorted(delays)
    assert delays[-1] == plan_unreadable_delay_s(10**6) == UNREADABLE_S_MAX
