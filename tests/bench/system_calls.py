"""How many system calls processes make: by perf's software counter, else by strace.

perf only counts. strace stops a process at every call, which also changes how often threads wait
for each other: figures of the two are not comparable, so rows say which one it was.
"""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

ATTACH_S = 0.5
EVENT = "raw_syscalls:sys_enter"
TOTAL = re.compile(r"^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total$", re.MULTILINE)


class NoCounterError(RuntimeError):
    """Neither program is here or may be used; the message says why."""


def find_counter() -> str:
    """``perf`` or ``strace``; NoCounterError where this machine has neither."""
    if shutil.which("perf"):
        tried = subprocess.run(
            ["perf", "stat", "-e", EVENT, "true"], capture_output=True, text=True, check=False
        )
        if tried.returncode == 0 and "not supported" not in tried.stderr:
            return "perf"
    if shutil.which("strace"):
        return "strace"
    raise NoCounterError(
        "neither perf with its event raw_syscalls nor strace (Debian: apt install strace)"
    )


def count_calls(counter: str, pids: Sequence[int], during: Callable[[], None]) -> int:
    """The calls that ``pids`` make, all their threads, while ``during`` runs."""
    if counter == "perf":
        command = ["perf", "stat", "-x", ",", "-e", EVENT, "-p", ",".join(map(str, pids))]
    else:
        command = ["strace", "-c", "-f", *(word for pid in pids for word in ("-p", str(pid)))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(ATTACH_S)
        try:
            during()
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
    found = re.search(rf"^(\d+),.*{EVENT}", said, re.MULTILINE) or TOTAL.search(said)
    if found is None:
        raise RuntimeError(f"{counter} gave no count: {said[-200:]!r}")
    return int(found[1])
