"""What the headers and the query of an Invoke request say (spec/lambda.md, section 2.2)."""

import base64
import json
from typing import Any, get_args

import pytest

from kubelambda.core.errors import ApiError
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invoke.operations import Name, Operation
from kubelambda.gateway.invoke.request_values import (
    CLIENT_CONTEXT_BYTES_MAX,
    INVOCATION_TYPES,
    read_client_context,
    read_invocation_type,
    read_qualifier,
    read_trace_id,
    wants_log_tail,
)


def make_request(query: bytes = b"", **headers: bytes) -> Request:
    """``headers`` by their names with underscores."""
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    answers: Any = None
    return Request(b"POST", b"/", query, named, b"", answers, keep_alive=True)


def test_every_operation_has_types_of_invocation() -> None:
    assert set(INVOCATION_TYPES) == set(get_args(Name))


@pytest.mark.parametrize(
    ("operation", "given", "kind"),
    [
        ("Invoke", b"", "RequestResponse"),
        ("Invoke", b"RequestResponse", "RequestResponse"),
        ("Invoke", b"Event", "Event"),
        ("Invoke", b"DryRun", "DryRun"),
        ("Invoke", b"event", None),
        ("InvokeWithResponseStream", b"", "RequestResponse"),
        ("InvokeWithResponseStream", b"DryRun", "DryRun"),
        ("InvokeWithResponseStream", b"Event", None),
        ("InvokeAsync", b"", "Event"),
        ("InvokeAsync", b"RequestResponse", "Event"),
    ],
)
def test_the_invocation_type_is_one_that_the_operation_has(
    operation: Name, given: bytes, kind: str | None
) -> None:
    request = make_request(x_amz_invocation_type=given)
    read = read_invocation_type(request, Operation(operation, b"hello"))
    if kind is not None:
        assert read == kind
    else:
        assert isinstance(read, ApiError)
        assert (read.status, given.decode() in read.message) == (400, True)


@pytest.mark.parametrize(
    ("query", "qualifier"),
    [
        (b"", ""),
        (b"Qualifier=live", "live"),
        (b"Qualifier=%24LATEST", "$LATEST"),
        (b"Qualifier=a&Qualifier=b", "a"),
        (b"qualifier=live", ""),
        (b"&&=%zz", ""),
    ],
)
def test_the_qualifier_is_the_first_of_its_name(query: bytes, qualifier: str) -> None:
    assert read_qualifier(make_request(query)) == qualifier


def test_a_client_context_is_the_json_text_that_was_sent() -> None:
    text = json.dumps({"custom": {"name": "Jörg"}}, ensure_ascii=False)
    header = base64.b64encode(text.encode())
    assert read_client_context(make_request(x_amz_client_context=header)) == text
    assert read_client_context(make_request()) == ""


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"e30", id="padding left out"),
        pytest.param(b"e3 0=", id="a space"),
        pytest.param("é".encode(), id="not ASCII"),
        pytest.param(base64.b64encode(b"{"), id="not JSON"),
        pytest.param(base64.b64encode(b'"\xff"'), id="not UTF-8"),
        pytest.param(b"A" * (CLIENT_CONTEXT_BYTES_MAX + 1), id="too long"),
    ],
)
def test_any_other_client_context_is_refused(header: bytes) -> None:
    read = read_client_context(make_request(x_amz_client_context=header))
    assert isinstance(read, ApiError)
    assert read.status == 400


def test_a_callers_trace_header_is_passed_on() -> None:
    given = b"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    assert read_trace_id(make_request(x_amzn_trace_id=given)) == given.decode()


@pytest.mark.parametrize("given", [b"", b"Root=1\xff", b'Root="1"', b"a" * 513, b"a b"])
def test_a_trace_header_that_cannot_be_passed_on_is_left_out(given: bytes) -> None:
    """The request gets one of the platform's then (test_ids)."""
    assert not read_trace_id(make_request(x_amzn_trace_id=given))


@pytest.mark.parametrize(("given", "wanted"), [(b"Tail", True), (b"None", False), (b"", False)])
def test_the_end_of_the_log_is_sent_to_who_asks(given: bytes, wanted: bool) -> None:
    assert wants_log_tail(make_request(x_amz_log_type=given)) is wanted
