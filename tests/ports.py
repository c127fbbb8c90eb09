"""Ports for processes that must be told theirs before they start.

Contract: nobody else takes a port that was given, before it is listened on or while its process is
started anew. It lies below those that the kernel chooses for connections and for port 0, and every
process that runs tests begins somewhere else.
"""

import contextlib
import itertools
import os
import socket

FIRST = 20_000
COUNT = 10_000
APART = 211
"""Processes that follow each other, as the workers of a run, begin so many ports apart."""

_numbers = itertools.count(os.getpid() * APART)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    for number in _numbers:
        port = FIRST + number % COUNT
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("itertools.count has no end")
