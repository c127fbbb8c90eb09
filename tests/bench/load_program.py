"""The Go program of tests/bench/load: floors, fake agents and the load itself."""

import json
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.processes import Child, running

CpuReader = Callable[[], float]
"""Gives the CPU seconds that one process, or several of one kind, have used so far."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Latency:
    """One status's answers; times in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Offered:
    """What came of one run of load. ``late_p99_ms`` is the generator's own delay."""

    seconds: float
    by_status: dict[str, Latency]
    late_p99_ms: float
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds that each process used meanwhile, making the connections left out."""

    @property
    def count(self) -> int:
        return sum(one.count for one in self.by_status.values())

    def expect(self, status: int) -> Latency:
        """The answers of ``status``; RuntimeError where others came as well."""
        others = {name: one.count for name, one in self.by_status.items() if name != str(status)}
        if others or str(status) not in self.by_status:
            raise RuntimeError(f"other answers than {status}: {others}")
        return self.by_status[str(status)]


class LoadProgram:
    """Built once per content; each method starts one of its commands."""

    def __init__(self) -> None:
        built = subprocess.run(
            [ROOT / "hack" / "bench-load"], check=True, stdout=subprocess.PIPE, text=True
        )
        self._path = built.stdout.strip()

    def serve(self, command: str, *arguments: str) -> AbstractContextManager[Child]:
        """A server; its first line is its port, or "ready"."""
        return running([self._path, command, *arguments])

    def make_certificate(self, directory: Path) -> tuple[Path, Path]:
        """A certificate for loopback and its key."""
        subprocess.run([self._path, "certificate", directory], check=True)
        return directory / "tls.crt", directory / "tls.key"

    def offer(
        self,
        url: str,
        *,
        seconds: float = 1,
        count: int = 0,
        rate: float = 0,
        connections: int = 16,
        body: str = "{}",
        headers: tuple[str, ...] = (),
        clocks: Mapping[str, CpuReader] | None = None,
    ) -> Offered:
        """An open loop of ``rate`` requests a second, or with 0 a closed one.

        With ``count`` a closed loop is that many requests on each connection, after one that warms
        it up, instead of ``seconds``. ``clocks`` are read when it begins and when it is over.
        """
        command = [self._path, "send", "-url", url, "-seconds", str(seconds), "-rate", str(rate)]
        command += ["-connections", str(connections), "-body", body, "-count", str(count)]
        for header in headers:
            command += ["-header", header]
        read = clocks or {}
        with running(command) as sender:
            sender.read_line()
            before = {name: clock() for name, clock in read.items()}
            sender.say("")
            offered = decode_offered(sender.read_line())
            cpu_s = {name: clock() - before[name] for name, clock in read.items()}
        return replace(offered, cpu_s=cpu_s)


def decode_offered(text: str) -> Offered:
    """The result that the program printed; its microseconds become milliseconds."""
    raw: dict[str, Any] = json.loads(text)
    return Offered(
        seconds=raw["seconds"],
        by_status={
            status: Latency(one["count"], one["p50"] / 1000, one["p99"] / 1000)
            for status, one in raw["by_status"].items()
        },
        late_p99_ms=raw["late"]["p99"] / 1000,
    )
