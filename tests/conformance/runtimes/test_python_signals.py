"""Python's signals between events: what runs then, whichever thread waits for the next event.

Each rule is held twice: as functions run, and with AWS's client left to itself
(``KUBELAMBDA_PYTHON_POLLING_THREAD``), so that nobody can tell one from the other.
"""

import time
from collections.abc import Callable, Mapping

import pytest

from conformance.lambda_api.invoker import ONE_ENVIRONMENT, Answer
from conformance.runtimes.conftest import Row

pytestmark = [
    pytest.mark.parametrize("row", ["python"], indirect=True),
    pytest.mark.parametrize("variables", [{}, {"KUBELAMBDA_PYTHON_POLLING_THREAD": "1"}]),
]
IDLE_S = 0.3
TRIES = 10

HANDLER = """
import os, signal, sys, threading, time

SEEN = []

def see(*_):
    SEEN.append(time.monotonic())

def send(number):
    threading.Timer(0.01, os.kill, [os.getpid(), number]).start()

{module}

def handler(event, context):
    began = time.monotonic()
    {body}
    return [began, SEEN, sys.version_info[:2]]
"""

SEEN_WHILE_IDLE: Mapping[str, tuple[str, str]] = {
    "a handler set while the module is loaded": (
        "signal.signal(signal.SIGTERM, see)",
        "send(signal.SIGTERM)",
    ),
    "a handler set inside an invocation": (
        "",
        "signal.signal(signal.SIGALRM, see); signal.setitimer(signal.ITIMER_REAL, 0.01)",
    ),
    "a handler of SIGINT": ("signal.signal(signal.SIGINT, see)", "send(signal.SIGINT)"),
    "a handler that a library imports with it": (
        "import library; library.install(see)",
        "send(signal.SIGUSR1)",
    ),
    "asyncio's wake-up descriptor, which another thread reads": (
        """
import socket
ours, pythons = socket.socketpair()
pythons.setblocking(False)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.set_wakeup_fd(pythons.fileno())
threading.Thread(target=lambda: see(ours.recv(1)), daemon=True).start()
""",
        "send(signal.SIGUSR1)",
    ),
    "a C library's handler that calls Python": (
        """
import ctypes
kept = ctypes.CFUNCTYPE(None, ctypes.c_int)(see)
ctypes.CDLL(None).signal(signal.SIGUSR1, kept)
""",
        "send(signal.SIGUSR1)",
    ),
    "faulthandler, into a file": (
        """
import faulthandler
file = open("/tmp/kubelambda-test-stacks", "w+")
faulthandler.register(signal.SIGUSR1, file)
def watch():
    while not os.fstat(file.fileno()).st_size:
        time.sleep(0.001)
    see()
threading.Thread(target=watch, daemon=True).start()
""",
        "send(signal.SIGUSR1)",
    ),
    "an event loop's handler, which runs with the loop": (
        """
import asyncio
loop = asyncio.new_event_loop()
async def listen():
    loop.add_signal_handler(signal.SIGUSR1, see)
loop.run_until_complete(listen())
signal.signal(signal.SIGUSR2, lambda *_: loop.run_until_complete(asyncio.sleep(0)))
""",
        "send(signal.SIGUSR1) or threading.Timer(0.02, os.kill, "
        "[os.getpid(), signal.SIGUSR2]).start()",
    ),
}
LIBRARY = "import signal\ndef install(see):\n    signal.signal(signal.SIGUSR1, see)\n"


def _ask_twice(row: Row, variables: Mapping[str, str], case: tuple[str, str]) -> list[Answer]:
    """The answers of two events to one new environment, IDLE_S apart."""
    module, body = case
    files = {"app.py": HANDLER.format(module=module, body=body), "library.py": LIBRARY}
    arn = row.put(
        handler="app.handler",
        code={"inline": files},
        environment={"variables": dict(variables)},
        **ONE_ENVIRONMENT,
    )
    first = row.invoker.call_when_free(arn, {})
    time.sleep(IDLE_S)
    return [first, row.invoker.call_when_free(arn, {})]


def _happens(attempt: Callable[[], bool]) -> bool:
    """Whether one of TRIES succeeds: a busy function may be frozen before its signal is sent."""
    return any(attempt() for _ in range(TRIES))


@pytest.mark.parametrize("case", SEEN_WHILE_IDLE)
@pytest.mark.one_on_cluster
def test_what_handles_a_signal_does_so_while_the_function_waits_for_an_event(
    row: Row, variables: Mapping[str, str], case: str
) -> None:
    def is_seen() -> bool:
        began, seen, _ = _ask_twice(row, variables, SEEN_WHILE_IDLE[case])[1].value
        return bool(seen) and seen[0] < began - IDLE_S / 2

    assert _happens(is_seen)


@pytest.mark.one_on_cluster
def test_a_handler_that_lets_calls_go_on_runs_with_the_next_event_at_the_latest(
    row: Row, variables: Mapping[str, str]
) -> None:
    module = "signal.signal(signal.SIGUSR1, see); signal.siginterrupt(signal.SIGUSR1, False)"
    assert _happens(
        lambda: bool(_ask_twice(row, variables, (module, "send(signal.SIGUSR1)"))[1].value[1])
    )


@pytest.mark.one_on_cluster
def test_an_interrupt_that_nobody_handles_ends_the_function_with_the_next_event(
    row: Row, variables: Mapping[str, str]
) -> None:
    first, second = _ask_twice(row, variables, ("", "send(signal.SIGINT)"))
    # Before 3.13 whoever joins a thread is free once interrupted, and the process ends at once.
    ends_at_once = bool(variables) and first.value[2] < [3, 13]
    assert second.is_error != ends_at_once
    if second.is_error:
        assert second.value["errorType"] == "Runtime.ExitError"
