"""A gateway as a process of its own, whose memory a test can look at."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

from integration.faults.wire import ECHO
from kubelambda.config import read_environment
from ports import free_port

TESTS = Path(__file__).resolve().parents[2]


class LoneGateway:
    """Knows one function, as a rule ``echo``; nobody starts environments for it."""

    def __init__(self, process: subprocess.Popen[bytes], ports: dict[str, int]) -> None:
        self._process = process
        self.port = ports["public_port"]
        self.internal_port = ports["internal_port"]
        self._metrics_port = ports["metrics_port"]
        self._status = Path(f"/proc/{process.pid}/status")
        self._at_rest_kb = 0

    @classmethod
    def start(cls, state: Path, name: str = "echo", source: str = ECHO, **changes: Any) -> Self:
        ports = {f"{purpose}_port": free_port() for purpose in ("public", "internal", "metrics")}
        settings: dict[str, Any] = {"host": "127.0.0.1", "pod_name": "gateway-0", "linger_s": 0}
        given = {
            "settings": settings | ports | changes,
            "functions": [{"name": name, "source": source}],
            "addresses": [f"127.0.0.1:{ports['internal_port']}"],
            "controller": f"http://127.0.0.1:{free_port()}",
        }
        path = state / "gateway.json"
        path.write_text(json.dumps(given))
        process = subprocess.Popen(
            [sys.executable, "-m", "integration.gateway_process", str(path)],
            stdout=subprocess.PIPE,
            env={**read_environment(), "PYTHONPATH": str(TESTS)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return cls(process, ports)

    def forget_peak(self) -> None:
        """Measure from here on."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")
        self._at_rest_kb = self._read("VmRSS")

    def grown_mb(self) -> float:
        """The most memory it has held since ``forget_peak``, beyond what it held then."""
        return (self._read("VmHWM") - self._at_rest_kb) / 1024

    def read_metric(self, name: str) -> float:
        """The value of a metric's line, named with its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name + " "))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self, name: str) -> int:
        lines = self._status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
