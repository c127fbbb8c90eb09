"""What counts as drift."""

import pytest

from kubelambda.core.manifests.drift import find_drift

SAME = [
    ("equal", {"a": 1}, {"a": 1}),
    ("the API server's defaults beside it", {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}),
    (
        "named items in another order, with others between",
        [{"name": "x", "v": 1}],
        [{"name": "sidecar"}, {"name": "x", "v": 1, "w": 2}],
    ),
    ("an empty list", {"a": []}, {"a": []}),
]
DIFFERENT = [
    ("a changed value", {"a": {"b": 1}}, {"a": {"b": 2}}, ".a.b"),
    ("a missing key", {"a": 1}, {}, ".a"),
    ("a missing parent", {"a": {"b": 1}}, {}, ".a"),
    ("a named item gone", {"env": [{"name": "x"}]}, {"env": []}, ".env[x]"),
    ("a named item changed", [{"name": "x", "v": 1}], [{"name": "x", "v": 2}], "[x].v"),
    ("a longer list of plain values", ["ALL"], ["ALL", "MORE"], ""),
    ("another order of plain values", ["a", "b"], ["b", "a"], "[0]"),
    ("a string where a list was wanted", {"a": ["x"]}, {"a": 5}, ".a"),
]


@pytest.mark.parametrize(("desired", "observed"), [c[1:] for c in SAME], ids=[c[0] for c in SAME])
def test_this_is_no_drift(desired: object, observed: object) -> None:
    assert find_drift(desired, observed) is None


@pytest.mark.parametrize(
    ("desired", "observed", "path"), [c[1:] for c in DIFFERENT], ids=[c[0] for c in DIFFERENT]
)
def test_this_is_drift_and_its_path_is_told(desired: object, observed: object, path: str) -> None:
    assert find_drift(desired, observed) == path
