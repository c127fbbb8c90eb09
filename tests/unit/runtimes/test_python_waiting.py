"""The Python runtime waits for events as AWS's client does, as far as a function could tell."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from unit.runtimes.test_python_path import SOURCE, load

NO_HANDLER = {
    "nothing": "pass",
    "a handler that was taken back": """
        signal.signal(signal.SIGTERM, print)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    """,
    "a signal that is ignored": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "a signal that is blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])",
    "siginterrupt alone": "signal.siginterrupt(signal.SIGUSR1, False)",
    "a wake-up descriptor alone": """
        import socket
        ours, pythons = socket.socketpair()
        pythons.setblocking(False)
        signal.set_wakeup_fd(pythons.fileno())
    """,
    "asyncio.run, which takes its handler of SIGINT back": """
        import asyncio
        asyncio.run(asyncio.sleep(0))
    """,
    "an event loop's handler that was removed": """
        import asyncio
        loop = asyncio.new_event_loop()
        loop.add_signal_handler(signal.SIGTERM, print)
        loop.remove_signal_handler(signal.SIGTERM)
    """,
    "threads": """
        import threading
        thread = threading.Thread(target=print)
        thread.start()
        thread.join()
    """,
}
HANDLERS = {
    "a handler": "signal.signal(signal.SIGTERM, print)",
    "a handler of a real-time signal": "signal.signal(signal.SIGRTMAX, print)",
    "a handler of SIGINT": "signal.signal(signal.SIGINT, print)",
    "a handler, and siginterrupt": """
        signal.signal(signal.SIGUSR1, print)
        signal.siginterrupt(signal.SIGUSR1, False)
    """,
    "asyncio's add_signal_handler": """
        import asyncio
        asyncio.new_event_loop().add_signal_handler(signal.SIGTERM, print)
    """,
    "faulthandler": "import faulthandler; faulthandler.enable()",
    "faulthandler of one signal": "import faulthandler; faulthandler.register(signal.SIGUSR1)",
    "a handler that a C library has set": """
        import ctypes
        kept = ctypes.CFUNCTYPE(None, ctypes.c_int)(print)
        ctypes.CDLL(None).signal(signal.SIGUSR1, kept)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    """,
    "greenlets in place of threads": """
        import _thread
        start = _thread.start_new_thread
        _thread.start_new_thread = lambda *given: start(*given)
    """,
    "no descriptor left": """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    """,
    "an audit hook that forbids": """
        def forbid(event, arguments):
            if event == "open":
                raise RuntimeError("not for you")
        sys.addaudithook(forbid)
    """,
}


def _asks_for_thread(statements: str, directory: Path) -> bool:
    """What a process decides once it has run ``statements``, as a function's code would."""
    program = directory / "program.py"
    program.write_text(
        "import signal, sys, runtime_path\n"
        f"{textwrap.dedent(statements)}\n"
        "print(runtime_path.needs_thread())\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", program],
        env={"PYTHONPATH": str(SOURCE.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return {"True": True, "False": False}[done.stdout.split()[-1]]


@pytest.mark.parametrize("case", NO_HANDLER)
def test_without_anything_to_run_meanwhile_no_thread_is_asked_for(
    case: str, tmp_path: Path
) -> None:
    assert not _asks_for_thread(NO_HANDLER[case], tmp_path)


@pytest.mark.parametrize("case", HANDLERS)
def test_whoever_handles_a_signal_a_thread_waits_for_the_event(case: str, tmp_path: Path) -> None:
    assert _asks_for_thread(HANDLERS[case], tmp_path)


class _Client:
    """As much of AWS's client as decides how to wait for the next event."""

    def __init__(self, asked: bool) -> None:
        self.use_thread_for_polling_next = asked

    def wait_next_invocation(self) -> str:
        if self.use_thread_for_polling_next:
            return "in a thread"
        return "in the main thread"


class _BrokenClient(_Client):
    def wait_next_invocation(self) -> str:
        raise OSError("gone")


def _wrap(client: type[_Client], *, needs_thread: bool) -> type[_Client]:
    """A class of the test's own, since it is changed."""
    changed = type("Changed", (client,), {})
    load().wait_in_main_thread(changed, lambda: needs_thread)
    return changed


@pytest.mark.parametrize(
    ("asked", "needed", "waits"),
    [
        (True, True, "in a thread"),
        (True, False, "in the main thread"),
        (False, True, "in the main thread"),
        (False, False, "in the main thread"),
    ],
)
def test_a_thread_waits_where_the_client_asks_for_it_and_the_function_could_tell(
    asked: bool, needed: bool, waits: str
) -> None:
    assert _wrap(_Client, needs_thread=needed)(asked).wait_next_invocation() == waits


def test_what_the_client_asks_for_is_left_as_it_was() -> None:
    client = _wrap(_BrokenClient, needs_thread=False)(True)
    with pytest.raises(OSError, match="gone"):
        client.wait_next_invocation()
    assert client.use_thread_for_polling_next
