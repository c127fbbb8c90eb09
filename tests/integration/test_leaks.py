"""F22: values, code and payloads stand in no line and no metric of our own processes.

What the function itself prints is its own; the functions here print nothing.
"""

import asyncio
import base64
import json
import logging
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

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from integration.conftest import MakeInstallation
from leak_markers import (
    ACTS,
    CODE,
    PAYLOAD,
    REFERENCE,
    RESULT,
    SECRET,
    SOURCE,
    VARIABLE,
    find_marked_lines,
)
from ports import free_port

MARKERS = {
    *(VARIABLE, SECRET, CODE, PAYLOAD, RESULT),
    *(base64.b64encode(text.encode()).decode() for text in (SECRET, PAYLOAD)),
}
WAYS = ("nothing", *ACTS)


def find_leaks(text: str) -> list[str]:
    """The lines that hold a marker."""
    return find_marked_lines(text, MARKERS)


def exercise(client: Any, name: str) -> None:
    """Every way in which a payload comes and an event ends."""
    context = base64.b64encode(json.dumps({"custom": {"k": PAYLOAD}}).encode()).decode()
    for act in WAYS:
        event = json.dumps({"act": act, "text": PAYLOAD}).encode()
        answer = client.invoke(
            FunctionName=name, Payload=event, ClientContext=context, LogType="Tail"
        )
        answer["Payload"].read()
        tail = base64.b64decode(answer["LogResult"]).decode()
        assert find_leaks(tail) == []
    for body in (f'{{"text": "{PAYLOAD}'.encode(), PAYLOAD.encode() + b"\xff"):
        with pytest.raises(ClientError):
            client.invoke(FunctionName=name, Payload=body)
    with pytest.raises(ClientError):
        client.invoke(FunctionName="absent", Payload=json.dumps(PAYLOAD).encode())


async def test_neither_gateway_nor_agent_tells_what_it_carries(
    make_installation: MakeInstallation,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, "kubelambda")
    metrics = free_port()
    installation = await make_installation(metrics_port=metrics)
    installation.put("quiet", SOURCE, environment={"TOKEN": VARIABLE}, timeout_s=1)
    await asyncio.to_thread(exercise, installation.client, "quiet")
    path = b"POST /2015-03-31/functions/quiet/invocations HTTP/1.1\r\nHost: a\r\n"
    for broken in (b"Content-Length: x\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nz\r\n"):
        await installation.converse(path + broken + PAYLOAD.encode(), wait_s=0.5)
    text = await asyncio.to_thread(read_metrics, metrics)
    assert "kubelambda_gateway" in text
    assert find_leaks(text) == []
    assert find_leaks(caplog.text) == []
    printed = capfd.readouterr()
    assert "START RequestId" in printed.out
    assert find_leaks(printed.out + printed.err) == []


def read_metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


class LocalMode:
    """`kubelambda local start` whose whole output is kept."""

    def __init__(self, directory: Path) -> None:
        program = Path(sys.executable).parent / "kubelambda"
        self._output = directory / "output"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [program, "local", "start", "functions", "--port", "0"],
                cwd=directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    def read(self) -> str:
        return self._output.read_text()

    def wait_for(self, pattern: str, count: int = 1) -> str:
        end = time.monotonic() + 60
        while len(found := re.findall(pattern, self.read())) < count:
            assert time.monotonic() < end, f"{pattern}: {self.read()}"
            time.sleep(0.02)
        return str(found[-1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], LocalMode]]:
    started: list[LocalMode] = []

    def begin() -> LocalMode:
        started.append(LocalMode(tmp_path))
        return started[-1]

    yield begin
    for process in started:
        process.process.send_signal(signal.SIGTERM)
        process.process.wait(20)


SECRET_DOCUMENT = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db"},
    "data": {"password": base64.b64encode(SECRET.encode()).decode()},
}


def build_document(**changes: Any) -> str:
    spec: dict[str, Any] = {
        "runtime": "python3.13",
        "handler": "app.handler",
        "timeout": 1,
        "code": {"inline": {"app.py": SOURCE}},
        "environment": {"variables": {"TOKEN": VARIABLE}, "valuesFrom": [REFERENCE]},
    }
    document = {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaFunction",
        "metadata": {"name": "quiet"},
        "spec": spec | changes,
    }
    return yaml.safe_dump_all([document, SECRET_DOCUMENT])


BROKEN_EDITS = {
    "a syntax error beside a value": build_document() + f"x: [{SECRET}\ny: {VARIABLE}: :",
    "a value that looks like an alias": build_document() + f"token: *{SECRET}",
    "a value that looks like a tag": build_document() + f"token: !{SECRET} x",
    "a value that looks like a date": build_document() + "token: 2024-99-99",
    "a value in the place of a number": build_document(memorySize=SECRET),
    "variables over 4 KB": build_document(environment={"variables": {"AA": VARIABLE * 300}}),
    "a variable with a name that is reserved": build_document(
        environment={"variables": {"AWS_REGION": VARIABLE}}
    ),
    "a Secret that is missing": build_document().replace("name: db\n", "name: other\n", 1),
}


def test_local_mode_tells_nothing_of_what_it_reads_and_carries(
    tmp_path: Path, start: Callable[[], LocalMode]
) -> None:
    file = tmp_path / "functions" / "f.yaml"
    file.parent.mkdir()
    file.write_text(build_document())
    local = start()
    url = local.wait_for(r"local mode at (\S+)")
    client = boto3.client(
        "lambda",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    answer = client.invoke(FunctionName="quiet", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == RESULT + VARIABLE + SECRET, "they arrive"
    exercise(client, "quiet")
    for event in ({"text": PAYLOAD}, {"act": "exit", "text": PAYLOAD}):
        client.invoke(
            FunctionName="quiet", InvocationType="Event", Payload=json.dumps(event).encode()
        )
    local.wait_for("END RequestId", count=len(WAYS) + 3)
    for number, text in enumerate(BROKEN_EDITS.values(), start=1):
        file.write_text(text)
        local.wait_for("not served: ", count=number)
    client.close()
    local.process.send_signal(signal.SIGTERM)
    local.process.wait(20)
    assert find_leaks(local.read()) == []
    assert "START RequestId" in local.read()
