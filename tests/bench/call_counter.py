"""Counts the calls that a measured process makes: KUBELAMBDA_BENCH_COUNT switches it on.

Contract: calls of Python functions and calls that Python code makes to C functions, in the thread
that runs the event loop. At SIGUSR1 the process prints both numbers so far on a line.
"""

import os
import signal
import sys
from types import FrameType

VARIABLE = "KUBELAMBDA_BENCH_COUNT"
COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Calls of their own up to Python 3.11 only."""


class CallCounter:
    """A profile function that only counts."""

    def __init__(self) -> None:
        self.python = 0
        self.c = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "c_call":
            self.c += 1
        elif event == "call" and frame.f_code.co_name not in COMPREHENSIONS:
            self.python += 1


def count_calls_if_asked() -> None:
    """Begin to count in this thread, where the variable is set."""
    if not os.environ.get(VARIABLE):
        return
    counter = CallCounter()

    def say(*_: object) -> None:
        print(counter.python, counter.c, flush=True)

    signal.signal(signal.SIGUSR1, say)
    sys.setprofile(counter)
