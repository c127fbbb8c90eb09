"""Which paths are operations; whatever else a client sends is none, and no error either."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.gateway.invoke.operations import Operation, find_operation, limit_body

TEMPLATES = {
    "Invoke": (b"/2015-03-31/functions/", b"/invocations"),
    "InvokeAsync": (b"/2014-11-13/functions/", b"/invoke-async"),
    "InvokeWithResponseStream": (b"/2021-11-15/functions/", b"/response-streaming-invocations"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_path_shorter_than_its_template_is_none(name: str) -> None:
    """Cut anywhere, the end overlapping the beginning included."""
    prefix, suffix = TEMPLATES[name]
    whole = prefix + suffix
    paths = {whole[:start] + whole[end:] for start in range(60) for end in range(start, 60)}
    for path in sorted(paths):
        assert find_operation(b"POST", path) is None
        assert find_operation(b"POST", path.ljust(2_000, b"/")) is None
        assert limit_body(b"POST", path, {}) == 0


@given(
    st.sampled_from(sorted(TEMPLATES)),
    st.binary(max_size=20),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_what_stands_between_the_two_ends_is_the_function(
    name: str, segment: bytes, start: int, end: int
) -> None:
    prefix, suffix = TEMPLATES[name]
    assert find_operation(b"POST", prefix + segment + suffix) == (
        Operation(name, segment) if segment and b"/" not in segment else None  # type: ignore[arg-type]
    )
    cut = (prefix + segment + suffix)[:start] + (prefix + segment + suffix)[end:]
    found = find_operation(b"POST", cut)
    assert found is None or prefix + found.segment + suffix in (cut, cut.removesuffix(b"/"))
