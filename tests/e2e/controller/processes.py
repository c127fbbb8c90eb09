"""Controllers as child processes of a test: the real program against the real API server.

Each has a Lease, a metrics port and a demand port of its own, and watches one namespace only. They
are ended by the ids recorded here.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

START = (
    "import sys; from kubelambda.config import ControllerSettings as Settings;"
    "from kubelambda.controller.main import run; sys.exit(run(Settings.from_environment()))"
)
WRITES = ("create", "update", "apply", "patch", "delete")


@dataclass
class Controller:
    """One controller process; ``restart`` may be called after it has ended."""

    settings: Mapping[str, str]
    log: Path
    metrics_port: int = 0
    demand_port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _log_start: int = 0

    def start(self) -> None:
        self.metrics_port, self.demand_port = find_free_port(), find_free_port()
        environment = {
            **os.environ,
            **self.settings,
            "KUBELAMBDA_METRICS_PORT": str(self.metrics_port),
            "KUBELAMBDA_DEMAND_PORT": str(self.demand_port),
        }
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-c", START], env=environment, stdout=log, stderr=log
            )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would; does nothing where it has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)

    def wait(self, timeout_s: float) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._url("readyz"), timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def requests(self) -> dict[tuple[str, str], float]:
        """Requests to the API server so far, by verb and resource."""
        with urllib.request.urlopen(self._url("metrics"), timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        found = {}
        for line in lines:
            if line.startswith("kubelambda_controller_api_requests_total{"):
                labels, _, value = line.partition("{")[2].partition("} ")
                pairs = dict(pair.split("=") for pair in labels.split(","))
                found[pairs["verb"].strip('"'), pairs["resource"].strip('"')] = float(value)
        return found

    def writes(self) -> dict[str, float]:
        """Writes in the watched namespace so far; the Lease and the leader's label are not."""
        return {
            f"{verb} {resource}": count
            for (verb, resource), count in self.requests().items()
            if verb in WRITES and resource not in ("leases", "pods")
        }

    def logged(self, text: str) -> bool:
        """Whether ``text`` is in the log since the last ``start``."""
        return self.log.exists() and text.encode() in self.log.read_bytes()[self._log_start :]

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.metrics_port}/{path}"


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_settled(controller: Controller, timeout_s: float = 30) -> dict[str, float]:
    """The writes once none has come for a second."""
    end, former = time.monotonic() + timeout_s, controller.writes()
    while time.monotonic() < end:
        time.sleep(1)
        now = controller.writes()
        if now == former:
            return now
        former = now
    raise AssertionError(f"still writing: {former}")
