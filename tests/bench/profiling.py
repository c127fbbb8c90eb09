"""Profiles of measured processes: KUBELAMBDA_BENCH_PROFILE names a directory for them.

A cProfile makes everything several times slower: read its shares, never the table beside it.
"""

import cProfile
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

VARIABLE = "KUBELAMBDA_BENCH_PROFILE"
Result = TypeVar("Result")


def run_profiled(role: str, run: Callable[[], Result]) -> Result:
    """``run()``; where a directory is named, ``<role>-<pid>.prof`` of it is written there."""
    directory = os.environ.get(VARIABLE)
    if not directory:
        return run()
    with cProfile.Profile() as profiler:
        result = run()
    profiler.dump_stats(Path(directory) / f"{role}-{os.getpid()}.prof")
    return result
