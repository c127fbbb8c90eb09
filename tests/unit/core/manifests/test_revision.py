"""Revisions and the names that carry them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.manifests.revision import (
    build_deployment_name,
    build_key_secret_name,
    compute_revision,
)

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,70}[a-z0-9])?", fullmatch=True)


def test_equal_specs_are_one_revision_in_whatever_order_of_keys() -> None:
    assert compute_revision({"a": 1, "b": [1, 2]}) == compute_revision({"b": [1, 2], "a": 1})


def test_any_change_of_the_spec_is_another_revision() -> None:
    assert compute_revision({"env": ["a", "b"]}) != compute_revision({"env": ["b", "a"]})


def test_a_revision_has_ten_hex_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{10}", compute_revision({}))


@given(names)
def test_names_are_labels_and_leave_room_for_the_pods(function: str) -> None:
    """A ReplicaSet adds 11 characters and a pod 6; host names end at 63."""
    deployment = build_deployment_name(function, "0123456789")
    assert len(deployment) + 11 + 6 <= 63
    assert LABEL.fullmatch(deployment)
    secret = build_key_secret_name(function, "0123456789abcdef")
    assert len(secret) <= 63
    assert LABEL.fullmatch(secret)
    assert secret.endswith("-key-0123456789abcdef")
