"""Each kind has one descriptor, and it agrees with the kind's model."""

import subprocess
import sys

import pytest

from kubelambda.api.kinds import BY_NAME, KINDS, VALUE_KINDS, Kind

ALL = (*KINDS, *VALUE_KINDS)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_the_descriptor_agrees_with_the_model(kind: Kind) -> None:
    fields = kind.load_model().model_fields
    assert kind.load_model().__name__ == kind.name
    assert fields["kind"].annotation.__args__ == (kind.name,)  # type: ignore[union-attr]
    assert fields["api_version"].annotation.__args__ == (  # type: ignore[union-attr]
        kind.api_version,
    )
    assert ("status" in fields) == kind.has_status


def test_no_word_means_two_kinds() -> None:
    words = [word for kind in ALL for word in dict.fromkeys(kind.words)]
    assert len(words) == len(set(words))
    assert len(BY_NAME) == len(ALL)


def test_descriptors_and_paths_load_no_pydantic() -> None:
    """A process that only needs names and paths stays 9 MB smaller."""
    program = "import sys, kubelambda.kube.paths; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
