"""`kubelambda local start` as a user types it, and mistypes it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import free_port

MANIFEST = """
apiVersion: kubelambda.io/v1alpha1
kind: LambdaFunction
metadata: {{name: {name}}}
spec:
  runtime: {runtime}
  handler: app.handler
  code:
    inline:
      app.py: |
        def handler(event, context):
            return "{result}"
"""

Start = Callable[..., "subprocess.Popen[str]"]


def write(
    path: Path, result: str = "one", name: str = "hello", runtime: str = "python3.13"
) -> None:
    path.write_text(MANIFEST.format(name=name, result=result, runtime=runtime))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: Any) -> "subprocess.Popen[str]":
        command = [Path(sys.executable).parent / "kubelambda", "local", "start", *arguments]
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def read_until(process: "subprocess.Popen[str]", pattern: str) -> str:
    text = ""
    while process.stdout is not None and (line := process.stdout.readline()):
        text += line
        if re.search(pattern, line):
            return text
    raise AssertionError(f"{pattern!r} was not printed: {text} {process.communicate()}")


def invoke(port: int, name: str = "hello") -> Any:
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/{name}/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, data=b"{}"), timeout=20) as answer:
        return json.loads(answer.read())


def test_it_serves_prints_lines_to_try_and_follows_an_edit(tmp_path: Path, start: Start) -> None:
    """An edited handler is picked up within a moment."""
    port = free_port()
    write(tmp_path / "f.yaml")
    process = start(tmp_path / "f.yaml", "--port", port)
    banner = read_until(process, "Ctrl-C")
    assert f'curl -d \'{{"name": "you"}}\' http://127.0.0.1:{port}/2015-03-31' in banner
    assert "aws lambda invoke" in banner
    assert "boto3" in banner
    assert invoke(port) == "one"
    write(tmp_path / "f.yaml", "two")
    end = time.monotonic() + 20
    while invoke(port) != "two":
        assert time.monotonic() < end, "the edit was not picked up"
        time.sleep(0.05)


def test_sigterm_ends_it_with_every_child(tmp_path: Path, start: Start) -> None:
    port = free_port()
    write(tmp_path / "f.yaml")
    state = tmp_path / "state"
    process = start(tmp_path / "f.yaml", "--port", port, "--state", state)
    read_until(process, "Ctrl-C")
    invoke(port)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert {one.name for one in state.iterdir()} == {"lock", "events.sqlite"}
    assert commands_naming(str(state)) == []


def commands_naming(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text.encode() in entry.read_bytes():
                found.append(entry.parent.joinpath("cmdline").read_text())
        except OSError:
            continue
    return found


def test_a_bad_document_is_named_and_the_good_ones_are_served(tmp_path: Path, start: Start) -> None:
    port = free_port()
    write(tmp_path / "good.yaml")
    write(tmp_path / "other.yaml", name="other", runtime="go1.x")
    (tmp_path / "bad.yaml").write_text(
        MANIFEST.format(name="bad", result="", runtime="python3.13") + "  memorySize: 64\n"
    )
    process = start(tmp_path, "--port", port, "--state", tmp_path / "state")
    banner = read_until(process, "Ctrl-C")
    assert re.search(r"not served: .*bad\.yaml: spec\.memorySize: ", banner)
    assert "other  not available here: there is no runtime 'go1.x'" in banner
    assert invoke(port) == "one"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.yaml",), "absent.yaml does not exist; name a YAML file or a directory of them"),
        (("empty",), "no LambdaFunction found under empty"),
        (("f.yaml", "--port", "70000"), "less than or equal to 65535"),
        ((), "Missing argument"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_exits_with_2(
    tmp_path: Path, start: Start, arguments: tuple[str, ...], message: str
) -> None:
    write(tmp_path / "f.yaml")
    (tmp_path / "empty").mkdir()
    process = start(*arguments)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert message in re.sub(r"[│\s]+", " ", errors)


def test_a_port_or_state_in_use_is_named(tmp_path: Path, start: Start) -> None:
    port = free_port()
    write(tmp_path / "f.yaml")
    first = start(tmp_path / "f.yaml", "--port", port, "--state", tmp_path / "a")
    read_until(first, "Ctrl-C")
    second = start(tmp_path / "f.yaml", "--port", port, "--state", tmp_path / "b")
    _, errors = second.communicate(timeout=20)
    assert (second.returncode, f"cannot listen on 127.0.0.1:{port}" in errors) == (2, True)
    third = start(tmp_path / "f.yaml", "--port", free_port(), "--state", tmp_path / "a")
    _, errors = third.communicate(timeout=20)
    assert (third.returncode, "another local mode uses" in errors) == (2, True)
