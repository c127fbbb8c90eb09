"""One local mode at a time uses a state directory."""

from pathlib import Path

import pytest

from kubelambda.local.errors import LocalModeError
from kubelambda.local.state_directory import hold_state_directory


def test_a_second_local_mode_is_told_to_take_another_directory(tmp_path: Path) -> None:
    second = hold_state_directory(tmp_path)
    with hold_state_directory(tmp_path), pytest.raises(LocalModeError, match="--state"), second:
        pass
    with hold_state_directory(tmp_path):
        pass


def test_environments_of_a_killed_one_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "environments" / "hello-1").mkdir(parents=True)
    (tmp_path / "packages").mkdir()
    with hold_state_directory(tmp_path):
        assert not (tmp_path / "environments").exists()
        (tmp_path / "environments").mkdir()
    assert {path.name for path in tmp_path.iterdir()} == {"packages", "lock"}


def test_a_state_directory_that_is_a_file_is_named_with_the_option(tmp_path: Path) -> None:
    taken = tmp_path / "notes.txt"
    taken.touch()
    with (
        pytest.raises(LocalModeError, match=r"notes.txt cannot be .*: File exists; .*--state"),
        hold_state_directory(taken),
    ):
        pass
