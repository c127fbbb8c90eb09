"""Every run of a function, read from the logs of its pods while they live.

A pod that is replaced takes its log along, so each is followed from when it is first seen.
"""

import re
import subprocess
import tempfile
import threading
from pathlib import Path

from e2e.functions import Functions

_LOOK_S = 0.3
_START = re.compile(r"^START RequestId: (\S+)", re.MULTILINE)


class FollowedRuns:
    """Request ids that the function's environments have begun since this was entered."""

    def __init__(self, functions: Functions, name: str) -> None:
        self._functions = functions
        self._name = name
        self._stop = threading.Event()
        self._directory = tempfile.TemporaryDirectory()
        self._followers: dict[str, subprocess.Popen[bytes]] = {}
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> "FollowedRuns":
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._looking.join()
        for follower in self._followers.values():
            follower.kill()
            follower.wait()
        self._directory.cleanup()

    def ids(self) -> set[str]:
        """What has begun so far, in pods that are there and in those that have gone."""
        logs = Path(self._directory.name).iterdir()
        return {request_id for log in logs for request_id in _START.findall(log.read_text())}

    def _look(self) -> None:
        while not self._stop.wait(_LOOK_S):
            for pod in self._functions.pods(self._name):
                name = pod["metadata"]["name"]
                if name not in self._followers and pod["status"]["phase"] == "Running":
                    self._followers[name] = self._follow(name)

    def _follow(self, pod: str) -> subprocess.Popen[bytes]:
        command = ["kubectl", "-n", self._functions.namespace, "logs", "-f", pod, "--tail=-1"]
        with (Path(self._directory.name) / pod).open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL)
