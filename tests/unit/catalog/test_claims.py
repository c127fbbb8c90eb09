"""Of several objects that claim to be the same, the oldest counts, in whatever order they came."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.catalog.claims import Claims

objects = st.tuples(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")),
    st.sampled_from(["2026", "2027"]),
    st.sampled_from(["one", "two"]),
)


@given(st.lists(st.tuples(st.booleans(), objects), max_size=20))
def test_the_oldest_that_is_there_counts(steps: list[tuple[bool, tuple[object, ...]]]) -> None:
    claims: Claims[str, str] = Claims()
    present: dict[tuple[str, str], tuple[str, str]] = {}
    for is_there, (key, created, name) in steps:  # type: ignore[misc]
        if is_there:
            is_news = claims.put(key, created, name, f"{key} of {created} as {name}")
            assert is_news is (present.get(key) != (created, name))
            present[key] = (created, name)
        else:
            assert (claims.remove(key) is not None) is (present.pop(key, None) is not None)
    for name in ("one", "two"):
        claimants = [(created, key) for key, (created, one) in present.items() if one == name]
        created, key = min(claimants, default=("", ("", "")))
        assert claims.find(name) == (f"{key} of {created} as {name}" if claimants else None)
    assert set(claims.keys(None)) == set(present)
    assert set(claims.keys("a")) == {key for key in present if key[0] == "a"}
