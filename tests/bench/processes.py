"""Child processes of a measurement: started, waited for, looked at, and ended by their pid.

Contract: whatever is started is ended when its ``with`` block is left, errors included. Programs
that read standard input end by themselves when this process has gone.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_S = 5.0


class Child:
    """A running process; its standard output is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_line(self) -> str:
        """The next line that it says; RuntimeError where it has ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r:.200} ended with {self._process.wait()}")
        return line.strip()

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def read_cpu_s(self) -> float:
        """CPU seconds in user and kernel mode, all threads."""
        return read_cpu_s(self.pid)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not heed it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def running(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Start ``command``; end it on leaving. ``environment`` is added to this process's own."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    child = Child(process)
    try:
        yield child
    finally:
        child.stop()


def read_cpu_s(pid: int) -> float:
    """CPU seconds of a process, those of its ended threads included, to the nanosecond.

    The clock's number is that of clock_getcpuclockid(3), which Python does not offer. /proc would
    give hundredths only.
    """
    return time.clock_gettime((~pid << 3) | 2)


def find_children(pid: int) -> list[int]:
    """The pids of a process's own children, those of all its threads."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, children.read_text().split())
    return sorted(found)


def find_descendants(pid: int) -> list[int]:
    """The pids of a process's children, their children, and so on."""
    found: list[int] = []
    for child in find_children(pid):
        found += [child, *find_descendants(child)]
    return found


def read_resident_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    return read_memory_mb(pid, "VmRSS")


def read_memory_mb(pid: int, name: str) -> float:
    """``VmRSS``, or ``VmHWM``, its highest value so far, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {pid} has no memory of its own")
