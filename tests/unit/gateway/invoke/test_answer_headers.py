"""The headers that are written at once are those that the general encoder writes."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.model.invocation import Outcome
from kubelambda.gateway.http.answer_encoding import encode_head
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.invoke_answer import write_headers
from unit.functions import make_function

VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)


@given(VALUES, VALUES, VALUES, st.booleans(), st.booleans(), st.booleans())
def test_the_template_of_an_answer_writes_what_the_encoder_writes(
    request_id: str, trace_id: str, tail: str, wants_tail: bool, failed: bool, keep_alive: bool
) -> None:
    invocation = Invocation(
        request_id, make_function(), "", "arn", b"{}", trace_id, "", wants_tail, lambda _: None
    )
    outcome = Outcome(b"[]", failed, tail)
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", request_id),
        ("X-Amzn-Trace-Id", trace_id),
        ("X-Amz-Executed-Version", "$LATEST"),
    ]
    if failed:
        headers.append(("X-Amz-Function-Error", "Unhandled"))
    if tail and wants_tail:
        headers.append(("X-Amz-Log-Result", tail))
    lines = write_headers(invocation, outcome)
    assert encode_head(200, lines, 2, keep_alive) == encode_head(200, headers, 2, keep_alive)


def test_a_head_looks_on_the_wire_as_before() -> None:
    invocation = Invocation(
        "r-1", make_function(), "", "arn", b"{}", "Root=1", "", False, lambda _: None
    )
    assert encode_head(200, write_headers(invocation, Outcome(b"[]")), 2, False) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-amzn-RequestId: r-1\r\n"
        b"X-Amzn-Trace-Id: Root=1\r\nX-Amz-Executed-Version: $LATEST\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\n"
    )
