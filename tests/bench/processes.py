"""Child processes of a measurement: started, waited for, looked at, and ended by their pid.

Contract: whatever is started is ended when its ``with`` block is left, errors included. Programs
that read standard input end by themselves when this process has gone.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_S = 5.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


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
        """CPU seconds in user and kernel mode, all threads, to a hundredth."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

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


def read_resident_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    return read_memory_mb(pid, "VmRSS")


def read_memory_mb(pid: int, name: str) -> float:
    """``VmRSS``, or ``VmHWM``, its highest value so far, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {pid} has no memory of its own")
