"""`kubelambda local start` as a user types it, and mistypes it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ports import free_port

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
        process.communicate(timeout=60)


def read_until(process: "subprocess.Popen[str]", pattern: str) -> str:
    text = ""
    while process.stdout is not None and (line := process.stdout.readline()):
        text += line
        if re.search(pattern, line):
            return text
    raise AssertionError(f"{pattern!r} was not printed: {text} {process.communicate()}")


def invoke(port: int, name: str = "hello") -> Any:
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/{name}/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, data=b"{}"), timeout=60) as answer:
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
    end = time.monotonic() + 60
    while invoke(port) != "two":
        assert time.monotonic() < end, "the edit was not picked up"
        time.sleep(0.05)


def test_edits_are_followed_however_an_editor_saves_a_file(tmp_path: Path, start: Start) -> None:
    """vim, ``sed -i`` and ``git checkout`` put another file in its place, one after the other."""
    port, path = free_port(), tmp_path / "f.yaml"
    write(path)
    process = start(path, "--port", port)
    read_until(process, "Ctrl-C")
    assert invoke(port) == "one"
    for result in ("two", "three", "four"):
        write(tmp_path / "saved", result)
        (tmp_path / "saved").rename(path)
        wait_for(lambda wanted=result: invoke(port) == wanted)
    path.unlink()
    time.sleep(1.5)
    assert invoke(port) == "four"
    write(path, "five")
    wait_for(lambda: invoke(port) == "five")


def test_a_directory_that_is_made_again_is_followed(tmp_path: Path, start: Start) -> None:
    port, directory = free_port(), tmp_path / "functions"
    directory.mkdir()
    write(directory / "f.yaml")
    process = start(directory, "--port", port)
    read_until(process, "Ctrl-C")
    assert invoke(port) == "one"
    for result in ("two", "three"):
        directory.rename(tmp_path / f"before-{result}")
        directory.mkdir()
        write(directory / "f.yaml", result)
        wait_for(lambda wanted=result: invoke(port) == wanted)
    write(directory / "f.yaml", "four")
    wait_for(lambda: invoke(port) == "four")


def test_what_is_ignored_is_said_before_anything_is_invoked(tmp_path: Path, start: Start) -> None:
    write(tmp_path / "f.yaml")
    with (tmp_path / "f.yaml").open("a") as manifest:
        manifest.write("  role: r\n")
    banner = read_until(start(tmp_path / "f.yaml", "--port", free_port()), "Ctrl-C")
    assert banner.count("hello: spec.role is ignored in local mode") == 1


def test_sigterm_ends_it_with_every_child(tmp_path: Path, start: Start) -> None:
    port = free_port()
    write(tmp_path / "f.yaml")
    state = tmp_path / "state"
    process = start(tmp_path / "f.yaml", "--port", port, "--state", state)
    read_until(process, "Ctrl-C")
    invoke(port)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert {path.name for path in state.iterdir()} == {"lock", "events.sqlite", "objects.sqlite"}
    assert commands_naming(str(state)) == []


def commands_naming(text: str) -> list[str]:
    """Commands of processes that know a directory by a variable, or by a mount of their own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            known = [entry.joinpath(name).read_bytes() for name in ("environ", "mountinfo")]
            if any(text.encode() in content for content in known):
                found.append(entry.joinpath("cmdline").read_text())
        except OSError:
            continue
    return found


STAYS = """
import time

def handler(event, context):
    time.sleep(3_000)
"""
TAKES_ITS_TIME = """#!/usr/bin/env python3
import json, os, time, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"
events = json.dumps({"events": ["SHUTDOWN"]}).encode()
asked = urllib.request.Request(API + "/register", events, {"Lambda-Extension-Name": "late"})
own = urllib.request.urlopen(asked).headers["Lambda-Extension-Identifier"]
urllib.request.urlopen(
    urllib.request.Request(API + "/event/next", headers={"Lambda-Extension-Identifier": own})
)
time.sleep(3_000)
"""


def test_what_runs_is_not_waited_for_and_the_port_is_free_at_once(
    tmp_path: Path, start: Start
) -> None:
    """A function that is given an hour, an extension that ignores its end, a client that stays."""
    port, state = free_port(), tmp_path / "state"
    spec = {
        "runtime": "python3.13",
        "handler": "app.handler",
        "timeout": 900,
        "layers": [{"name": "late", "version": 1}],
        "code": {"inline": {"app.py": STAYS}},
    }
    content = {"inline": {"extensions/late": TAKES_ITS_TIME}}
    documents = [
        {"kind": "LambdaFunction", "metadata": {"name": "stays"}, "spec": spec},
        {
            "kind": "LambdaLayer",
            "metadata": {"name": "late-1"},
            "spec": {"version": 1, "content": content},
        },
    ]
    for number, document in enumerate(documents):
        document["apiVersion"] = "kubelambda.io/v1alpha1"
        (tmp_path / f"{number}.yaml").write_text(json.dumps(document))
    write(tmp_path / "hello.yaml")
    first = start(tmp_path, "--port", port, "--state", state)
    read_until(first, "Ctrl-C")
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            b"POST /2015-03-31/functions/stays/invocations HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 2\r\n\r\n{}"
        )
        wait_for(
            lambda: any("extensions/late" in command for command in commands_naming(str(state)))
        )
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
        assert first.returncode == 0
        assert commands_naming(str(state)) == []
        second = start(tmp_path / "hello.yaml", "--port", port, "--state", state)
        read_until(second, "Ctrl-C")
        assert invoke(port) == "one"


WHERE = """
import os, pathlib

def handler(event, context):
    pathlib.Path("/tmp/of-the-function").write_text("x")
    return [os.environ["LAMBDA_TASK_ROOT"], os.getcwd(), open("/var/task/beside.txt").read()]
"""


def test_an_environments_mounts_are_seen_by_nobody_else_and_end_with_it(
    tmp_path: Path, start: Start
) -> None:
    """The state directory is below /tmp here, which each environment has for itself."""
    port, state = free_port(), tmp_path / "state"
    (tmp_path / "f.yaml").write_text(
        json.dumps(
            {
                "apiVersion": "kubelambda.io/v1alpha1",
                "kind": "LambdaFunction",
                "metadata": {"name": "hello"},
                "spec": {
                    "runtime": "python3.13",
                    "handler": "app.handler",
                    "code": {"inline": {"app.py": WHERE, "beside.txt": "here"}},
                },
            }
        )
    )
    process = start(tmp_path / "f.yaml", "--port", port, "--state", state)
    if "has its own /var/task" not in read_until(process, "Ctrl-C"):
        pytest.skip("this machine's user may have no mount namespace")
    assert invoke(port) == ["/var/task", "/var/task", "here"]
    (own,) = (state / "environments").glob("hello-*/tmp/of-the-function")
    assert own.read_text() == "x"
    assert not Path("/tmp/of-the-function").exists()
    assert str(state) not in Path("/proc/self/mountinfo").read_text()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert {path.name for path in state.iterdir()} == {"lock", "events.sqlite", "objects.sqlite"}
    assert commands_naming(str(state)) == []


def test_a_bad_document_is_named_and_the_good_ones_are_served(tmp_path: Path, start: Start) -> None:
    port = free_port()
    write(tmp_path / "good.yaml")
    write(tmp_path / "other.yaml", name="other", runtime="erlang27")
    (tmp_path / "bad.yaml").write_text(
        MANIFEST.format(name="bad", result="", runtime="python3.13") + "  memorySize: 64\n"
    )
    process = start(tmp_path, "--port", port, "--state", tmp_path / "state")
    banner = read_until(process, "Ctrl-C")
    assert re.search(r"not served: .*bad\.yaml: bad: spec\.memorySize: ", banner)
    assert re.search(r"other  not available here: .*erlang27", banner)
    assert banner.count("bad.yaml") == 1, "once, clearly"
    assert invoke(port) == "one"
    with pytest.raises(urllib.error.HTTPError) as refused:
        invoke(port, "bad")
    assert "bad.yaml: spec.memorySize: " in refused.value.read().decode()
    page = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(page, timeout=60) as answer:
        text = answer.read().decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for name in ("hello", "other", "bad"):
        assert f">{name}</td>" in text


def test_a_problem_is_not_said_again_with_the_next_edit_of_another_file(
    tmp_path: Path, start: Start
) -> None:
    port = free_port()
    write(tmp_path / "good.yaml")
    bad = MANIFEST.format(name="bad", result="", runtime="python3.13")
    (tmp_path / "bad.yaml").write_text(bad + "  memorySize: 64\n")
    process = start(tmp_path, "--port", port, "--state", tmp_path / "state")
    read_until(process, "Ctrl-C")
    write(tmp_path / "good.yaml", "two")
    wait_for(lambda: invoke(port) == "two")
    (tmp_path / "bad.yaml").write_text(bad + "  handlr: x\n")
    assert "handlr" in read_until(process, "not served")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.yaml",), "absent.yaml does not exist; name a YAML file or a directory of them"),
        (("empty",), "no LambdaFunction found under empty"),
        (("f.yaml", "--port", "70000"), "less than or equal to 65535"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_exits_with_2(
    tmp_path: Path, start: Start, arguments: tuple[str, ...], message: str
) -> None:
    write(tmp_path / "f.yaml")
    (tmp_path / "empty").mkdir()
    process = start(*arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in re.sub(r"[│\s]+", " ", errors)


def test_a_port_or_state_in_use_is_named(tmp_path: Path, start: Start) -> None:
    port = free_port()
    write(tmp_path / "f.yaml")
    first = start(tmp_path / "f.yaml", "--port", port, "--state", tmp_path / "a")
    read_until(first, "Ctrl-C")
    second = start(tmp_path / "f.yaml", "--port", port, "--state", tmp_path / "b")
    _, errors = second.communicate(timeout=60)
    assert (second.returncode, f"cannot listen on 127.0.0.1:{port}" in errors) == (2, True)
    third = start(tmp_path / "f.yaml", "--port", free_port(), "--state", tmp_path / "a")
    _, errors = third.communicate(timeout=60)
    assert (third.returncode, "another local mode uses" in errors) == (2, True)


def test_an_edit_under_load_fails_no_request_and_a_slip_takes_no_function_away(
    tmp_path: Path, start: Start
) -> None:
    """Requests before, during and after the edits all get the handler's answer, old or new."""
    port = free_port()
    path = tmp_path / "f.yaml"
    write(path)
    process = start(path, "--port", port, "--state", tmp_path / "state")
    read_until(process, "Ctrl-C")
    invoke(port)
    stop, results = threading.Event(), []

    def load() -> None:
        while not stop.is_set():
            results.append(invoke(port))

    with ThreadPoolExecutor() as pool:
        loads = [pool.submit(load) for _ in range(3)]
        wait_for(lambda: results)
        for result in ("two", "three"):
            write(path, result)
            wait_for(lambda wanted=result: results[-1:] == [wanted])
        path.write_text(path.read_text() + "  memorySize: many\n")
        line = read_until(process, "not served")
        count = len(results)
        wait_for(lambda: len(results) > count + 5)
        stop.set()
        for future in loads:
            future.result()
    assert "(served as before: hello)" in line
    assert set(results) == {"one", "two", "three"}
    assert results[-1] == "three"


def wait_for(probe: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not probe():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
