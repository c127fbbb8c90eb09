"""FunctionName of a request, as AWS clients write it (spec 0.3 and 2.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.errors import ApiError
from kubelambda.core.model.target import Target, parse_target

REGION = "us-east-1"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:hello"


@pytest.mark.parametrize(
    ("segment", "qualifier", "target"),
    [
        ("hello", "", Target("hello")),
        ("hello:live", "", Target("hello", "", "live")),
        ("hello:$LATEST", "", Target("hello", "", "$LATEST")),
        ("hello", "7", Target("hello", "", "7")),
        ("hello:live", "live", Target("hello", "", "live")),
        ("function:hello", "", Target("hello")),
        ("123456789012:function:hello", "", Target("hello", "123456789012")),
        (ARN, "", Target("hello", "123456789012")),
        (ARN + ":live", "", Target("hello", "123456789012", "live")),
        (ARN.replace(":", "%3A"), "", Target("hello", "123456789012")),
        ("Hello_World-1", "", Target("Hello_World-1")),
        ("us-east-1:123456789012:function:hello", "", Target("hello", "123456789012")),
        ("hello:$LATEST.PUBLISHED", "", Target("hello", "", "$LATEST.PUBLISHED")),
        ("hello", "$LATEST.PUBLISHED", Target("hello", "", "$LATEST.PUBLISHED")),
        # Well-formed, and nothing can be called so: not found.
        ("hello", "$latest", Target("hello", "", "$latest")),
        ("h" * 65, "", Target("h" * 65)),
        ("h" * 256, "q" * 128, Target("h" * 256, "", "q" * 128)),
    ],
)
def test_every_spelling_of_a_function_is_understood(
    segment: str, qualifier: str, target: Target
) -> None:
    assert parse_target(segment.encode(), qualifier, REGION) == target


@pytest.mark.parametrize(
    ("segment", "qualifier", "status", "message"),
    [
        ("hel%2Flo", "", 400, "at 'functionName'"),
        ("..%2f..", "", 400, "at 'functionName'"),
        ("h%C3%A9", "", 400, "at 'functionName'"),
        ("hello%00", "", 400, "at 'functionName'"),
        ("hello%0a", "", 400, "at 'functionName'"),
        (
            "h" * 257,
            "",
            400,
            "Member must have length less than or equal to 256",
        ),
        ("hello", "q" * 129, 400, "Member must have length less than or equal to 128"),
        ("hello:$latest", "", 400, "at 'functionName'"),
        ("hello:live", "other", 400, "The derived qualifier from the function name"),
        ("hello", "a b", 400, "at 'qualifier'"),
        (ARN.replace("us-east-1", "us-west-2"), "", 404, "Functions from 'us-west-2' are not"),
        (ARN.replace("us-east-1", "us-iso-east-1"), "", 404, "Functions from 'us-iso-east-1'"),
        (ARN.replace("us-east-1", "eusc-de-east-1"), "", 404, "Functions from 'eusc-de-east-1'"),
    ],
)
def test_what_is_no_function_is_refused_with_awss_words(
    segment: str, qualifier: str, status: int, message: str
) -> None:
    refused = parse_target(segment.encode(), qualifier, REGION)
    assert isinstance(refused, ApiError)
    assert refused.status == status
    assert message in refused.message


def test_all_violations_of_a_request_are_counted_and_listed() -> None:
    refused = parse_target(b"a/b", "q" * 128 + " ", REGION)
    assert isinstance(refused, ApiError)
    assert refused.code == "ValidationException"
    name, length, qualifier = refused.message.split("; ")
    assert name == (
        "3 validation errors detected: Value 'a/b' at 'functionName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?"
        r"[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)"
        r"(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
    )
    assert length.endswith(
        "' at 'qualifier' failed to satisfy constraint: Member must have length less than or equal "
        "to 128"
    )
    assert qualifier.endswith(
        r"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
    )


@given(st.binary(max_size=200), st.text(max_size=50))
def test_no_segment_breaks_the_parser(segment: bytes, qualifier: str) -> None:
    """F20: whatever the path holds, a target has a plain name or there is none."""
    parsed = parse_target(segment, qualifier, REGION)
    if isinstance(parsed, Target):
        assert "/" not in parsed.function_name
        assert parsed.function_name.isascii()
