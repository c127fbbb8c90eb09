"""The digest of a set of files is the same on both sides of the link."""

import json
from pathlib import Path
from typing import Any

import pytest

from kubelambda.core.packages.code_digest import digest_files

VECTORS = Path(__file__).resolve().parents[3] / "vectors" / "code_digest.json"


@pytest.mark.parametrize(
    "vector", json.loads(VECTORS.read_text()), ids=lambda vector: vector["name"]
)
def test_digests_are_those_of_the_shared_vectors(vector: dict[str, Any]) -> None:
    files = {name: text.encode() for name, text in vector["files"].items()}
    assert digest_files(files) == vector["digest"]
