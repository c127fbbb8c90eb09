"""What an apply changes is what kubectl's would."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.objects.apply import LAST_APPLIED, build_applied, plan_apply
from kubelambda.objects.port import Manifest


def make(spec: dict[str, Any], **metadata: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "X", "metadata": {"name": "one", **metadata}, "spec": spec}


def keep(applied: Manifest, **server: Any) -> Manifest:
    """As a server keeps it: with a version, and defaults."""
    metadata = {**applied["metadata"], "resourceVersion": "7", "uid": "u"}
    return {**applied, "metadata": metadata, "spec": {**applied["spec"], **server}}


def test_the_same_again_changes_nothing() -> None:
    wanted = make({"a": {"b": 1}, "list": [1]})
    live = {**keep(build_applied(wanted), default=5), "status": {"x": 1}}
    assert plan_apply(live, wanted) is None


def test_what_is_left_out_goes_and_what_others_wrote_stays() -> None:
    live = keep(build_applied(make({"a": 1, "map": {"x": 1, "y": 2}})), default=5)
    live["spec"]["map"]["theirs"] = 3
    planned = plan_apply(live, make({"map": {"x": 9}}))
    assert planned is not None
    assert planned["spec"] == {"map": {"x": 9, "theirs": 3}, "default": 5}
    assert planned["metadata"]["resourceVersion"] == "7"


def test_lists_are_replaced_as_a_whole() -> None:
    live = keep(build_applied(make({"list": [1, 2]})))
    planned = plan_apply(live, make({"list": [3]}))
    assert planned is not None
    assert planned["spec"]["list"] == [3]


def test_labels_and_annotations_are_applied_like_fields() -> None:
    live = keep(build_applied(make({}, labels={"a": "1", "b": "2"}, annotations={"n": "1"})))
    live["metadata"]["labels"]["theirs"] = "3"
    planned = plan_apply(live, make({}, labels={"b": "3"}))
    assert planned is not None
    assert planned["metadata"]["labels"] == {"b": "3", "theirs": "3"}
    assert list(planned["metadata"]["annotations"]) == [LAST_APPLIED]


def test_what_was_created_without_apply_loses_nothing() -> None:
    live = keep(make({"a": 1, "b": 2}))
    planned = plan_apply(live, make({"a": 3}))
    assert planned is not None
    assert planned["spec"] == {"a": 3, "b": 2}


def test_a_note_that_cannot_be_read_counts_as_none() -> None:
    live = keep(make({"a": 1}, annotations={LAST_APPLIED: "{"}))
    assert plan_apply(live, make({"b": 2})) is not None


def test_the_note_is_kubectls() -> None:
    applied = build_applied({**make({"b": 1, "a": 2}, namespace="apps"), "status": {}})
    assert "status" not in applied
    assert json.loads(applied["metadata"]["annotations"][LAST_APPLIED]) == {
        "apiVersion": "v1",
        "kind": "X",
        "metadata": {"annotations": {}, "name": "one", "namespace": "apps"},
        "spec": {"a": 2, "b": 1},
    }


values = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)
specs = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(first=specs, second=specs)
def test_without_others_an_apply_makes_what_it_says(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    live = keep(build_applied(make(first)))
    planned = plan_apply(live, make(second))
    assert (planned or live)["spec"] == second
    assert (planned is None) == (first == second)
