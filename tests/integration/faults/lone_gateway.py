"""A gateway as a process of its own, whose memory a test can look at."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from integration.conftest import free_port
from integration.faults.wire import ECHO
from kubelambda.config import read_environment

TESTS = Path(__file__).resolve().parents[2]


class LoneGateway:
    """Knows the function ``echo``; nobody starts environments for it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port
        self._status = Path(f"/proc/{process.pid}/status")
        self._at_rest_kb = 0

    @classmethod
    def start(cls, state: Path) -> "LoneGateway":
        public, internal = free_port(), free_port()
        settings: dict[str, Any] = {"host": "127.0.0.1", "pod_name": "gateway-0"}
        ports = {"public_port": public, "internal_port": internal, "metrics_port": 0}
        given = {
            "settings": settings | ports | {"linger_s": 0},
            "functions": [{"name": "echo", "source": ECHO}],
            "addresses": [f"127.0.0.1:{internal}"],
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
        return cls(process, public)

    def forget_peak(self) -> None:
        """Measure from here on."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")
        self._at_rest_kb = self._read("VmRSS")

    def grown_mb(self) -> float:
        """The most memory it has held since ``forget_peak``, beyond what it held then."""
        return (self._read("VmHWM") - self._at_rest_kb) / 1024

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self, name: str) -> int:
        lines = self._status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
