"""The directory for everything that local mode writes: one local mode at a time uses it."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from kubelambda.local.errors import LocalModeError


@contextlib.contextmanager
def hold_state_directory(state: Path) -> Iterator[None]:
    """Make the directory and lock it for the duration of the ``with`` block.

    Environments that a killed local mode left there are removed; at the end, so are our own.
    LocalModeError if another local mode has the lock, or if the directory cannot be written.
    """
    with _open_lock(state) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalModeError(
                f"another local mode uses {state}; stop it, or choose another directory with "
                "--state"
            ) from error
        shutil.rmtree(state / "environments", ignore_errors=True)
        yield
        shutil.rmtree(state / "environments", ignore_errors=True)


def _open_lock(state: Path) -> TextIO:
    try:
        state.mkdir(parents=True, exist_ok=True)
        return (state / "lock").open("w")
    except OSError as error:
        raise LocalModeError(
            f"{state} cannot be the state directory: {error.strerror}; choose another directory "
            "with --state"
        ) from error
