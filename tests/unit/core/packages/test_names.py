"""Which packages an object names, also one that this release cannot read."""

import base64
import hashlib
from typing import Any

import pytest

from kubelambda.core.packages.names import find_names

DIGEST = hashlib.sha256(b"code")
HEX, BASE64 = DIGEST.hexdigest(), base64.b64encode(DIGEST.digest()).decode()


@pytest.mark.parametrize(
    "manifest",
    [
        {"spec": {"code": {"package": HEX}}},
        {"spec": {"content": {"package": HEX}}},
        {"status": {"layers": [{"name": "a", "codeSha256": BASE64}]}},
        {"spec": {"a field of": [{"the next": {"release": HEX}}]}},
        {"spec": [[HEX]], "status": "of another type"},
        {"spec": HEX},
    ],
)
def test_a_sha256_anywhere_in_spec_or_status_is_a_name(manifest: dict[str, Any]) -> None:
    assert find_names(manifest) == {HEX}


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"metadata": {"annotations": {"last-applied": HEX}}},
        {"spec": {"code": {"package": HEX.upper()}}},
        {"status": {"message": f"no package {HEX} has been uploaded"}},
        {"spec": {"text": "=" * 44, "other": "é" * 44, "number": 1, "nothing": None}},
    ],
)
def test_anything_else_is_none(manifest: dict[str, Any]) -> None:
    assert find_names(manifest) == set()


def test_an_object_that_is_nested_deeply_is_read_to_its_end() -> None:
    nested: Any = HEX
    for _ in range(100_000):
        nested = [nested]
    assert find_names({"spec": nested}) == {HEX}
    while isinstance(nested, list):
        nested = nested.pop()
