"""`kubelambda apply`, `get` and `delete` against local mode, as a user types them."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ports import free_port

PROGRAM = Path(sys.executable).parent / "kubelambda"
FILE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {word: WORD}
---
apiVersion: kubelambda.io/v1alpha1
kind: LambdaFunction
metadata: {name: hello}
spec:
  runtime: python3.13
  handler: app.handler
  environment: {valuesFrom: [{name: WORD, configMapKeyRef: {name: settings, key: word}}]}
  code:
    inline:
      app.py: |
        import os
        def handler(event, context):
            return os.environ["WORD"]
"""
FUNCTION, CONFIG_MAP = "lambdafunction.kubelambda.io", "configmap"


class LocalMode:
    """One local mode in a directory of its own, which may be started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self, *paths: str) -> str:
        """Start it; what it prints until it serves."""
        self._process = subprocess.Popen(
            [PROGRAM, "local", "start", *paths, "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            cwd=self.directory,
        )
        printed = ""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            printed += line
            if "Ctrl-C" in line:
                return printed
        raise AssertionError(printed)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.communicate(timeout=60)
            self._process = None

    def run(self, *arguments: str, code: int = 0, stdin: str = "") -> str:
        """What a command prints, on both outputs, if it ends with ``code``."""
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory,
            env=os.environ | {"AWS_ENDPOINT_URL_LAMBDA": self.url, "COLUMNS": "200"},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def invoke(self) -> Any:
        url = f"{self.url}/2015-03-31/functions/hello/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=60) as answer:
            return json.loads(answer.read())

    def ask(self, method: str, path: str, **headers: str) -> int:
        """The status of a plain request."""
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        if method == "POST":
            request.data = b"{}"
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalMode]:
    made = LocalMode(tmp_path)
    yield made
    made.stop()


def test_objects_are_applied_shown_served_and_deleted(local: LocalMode) -> None:
    """They survive ``kill -9`` of local mode, too."""
    local.start()
    (local.directory / "f.yaml").write_text(FILE.replace("WORD}", "one}"))
    assert local.run("apply", "-f", "f.yaml").splitlines() == [
        f"{CONFIG_MAP}/settings created",
        f"{FUNCTION}/hello created",
    ]
    assert local.invoke() == "one"
    assert set(local.run("apply", "-f", ".").split()[1::2]) == {"unchanged"}
    changed = FILE.replace("WORD}", "two}")
    assert local.run("apply", "-f", "-", stdin=changed).splitlines() == [
        f"{CONFIG_MAP}/settings configured",
        f"{FUNCTION}/hello unchanged",
    ]
    assert local.invoke() == "two"
    local.stop(signal.SIGKILL)
    assert "hello  python3.13" in local.start()
    assert local.invoke() == "two"
    table = local.run("get", "lfn,lyr,cm")
    assert re.search(rf"^{FUNCTION}/hello +python3.13 +128 +3 +True +Ready", table, re.MULTILINE)
    found = json.loads(local.run("get", "lfn", "hello", "-o", "json"))
    assert found["metadata"]["generation"] == 1
    assert local.run("get", "lfn", "-o", "name") == f"{FUNCTION}/hello\n"
    assert local.run("delete", "lfn", "hello") == f'{FUNCTION} "hello" deleted\n'
    assert local.run("get", "lfn") == "No resources found in default namespace.\n"
    assert "not found" in local.run("delete", "lfn", "hello", code=1)
    local.run("delete", "-f", "f.yaml", "--ignore-not-found")
    assert local.run("get", "cm,lfn", "-A") == "No resources found\n"


def test_what_a_file_holds_is_the_files(local: LocalMode) -> None:
    (local.directory / "files").mkdir()
    (local.directory / "files" / "f.yaml").write_text(FILE.replace("WORD}", "one}"))
    local.start("files")
    refused = local.run("apply", "-f", "files/f.yaml", code=1)
    assert f"{FUNCTION}/hello" in refused
    assert "stands in the file files/f.yaml; change it there" in refused
    assert local.invoke() == "one"


def test_mistakes_are_told_with_what_to_do(local: LocalMode) -> None:
    assert "kubelambda local start" in local.run("get", "lfn", code=2)
    local.start()
    assert "did you mean lambdafunction" in local.run("get", "lambdafuncton", code=2)
    wrong = FILE.replace("handler: app", "handlr: app")
    refused = local.run("apply", "-f", "-", stdin=wrong, code=1)
    assert "spec.handlr: there is no such field; did you mean handler?" in refused
    assert f"{CONFIG_MAP}/settings created" in refused
    runtime = FILE.replace("LambdaFunction", "LambdaRuntime")
    assert "means nothing in local mode" in local.run("apply", "-f", "-", stdin=runtime, code=1)
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    assert "Pod of v1 means nothing" in local.run("apply", "-f", "-", stdin=pod, code=2)
    elsewhere = pod.replace("Pod", "Secret").replace("a}", "a, namespace: a}")
    refused = local.run("apply", "-n", "b", "-f", "-", stdin=elsewhere, code=2)
    assert "is in the namespace a, not in b" in refused


def test_a_page_of_another_site_reaches_no_object(local: LocalMode) -> None:
    local.start()
    path = "/apis/kubelambda.io/v1alpha1/namespaces/default/lambdafunctions"
    assert local.ask("GET", path) == 200
    assert local.ask("GET", path, Host="evil.example") == 403
    assert local.ask("GET", path, Origin="https://evil.example") == 403
    assert local.ask("POST", path, **{"Content-Type": "text/plain"}) == 415
    assert local.ask("POST", path, **{"Content-Type": "application/json"}) == 422
    assert local.ask("OPTIONS", path) == 405
    assert local.ask("GET", "/apis") == 200
    assert local.ask("GET", "/api/v1/namespaces/default/pods") == 404
