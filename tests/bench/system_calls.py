"""How many system calls processes make: by perf's software counter, else by strace.

perf only counts. strace stops a process at every call, which also changes how often threads wait
for each other: figures of the two are not comparable, so rows say which one it was.
"""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ATTACH_S = 0.5
EVENT = "raw_syscalls:sys_enter"
ATTACHED = "attached"
TRANSFERS = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg"
TRANSFER = re.compile(r"^\w+\(\d+<(?:socket|pipe):.* = [1-9]\d*$", re.MULTILINE)
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


@dataclass(slots=True)
class Transfers:
    """Reads and writes of sockets and pipes that carried data."""

    count: int = 0


@contextmanager
def counting_transfers(pid: int) -> Iterator[Transfers]:
    """Counts those of all threads of ``pid``; the count is there once the block has been left.

    Neither files are counted nor what found nothing to read: how often a process looks at its own
    memory, or in vain, is a matter of time. NoCounterError where strace is missing or may not look.
    """
    if not shutil.which("strace"):
        raise NoCounterError("strace is missing (Debian: apt install strace)")
    found = Transfers()
    with tempfile.TemporaryDirectory() as directory:
        # A file for each thread: lines of several in one file interrupt each other.
        command = ["strace", "-ff", "-o", f"{directory}/thread", "-y", "-s", "0", "-e", TRANSFERS]
        command += ["-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            first = process.stderr.readline()
            if ATTACHED not in first:
                raise NoCounterError(f"strace may not look at a process: {first.strip()}")
            try:
                yield found
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate()
        for thread in Path(directory).iterdir():
            found.count += len(TRANSFER.findall(thread.read_text()))
