"""Runs a client for Node with a function and its events, and keeps what it answers and prints.

What differs from run to run, or is a client's own, is left out: times, paths, frames of its stack.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.runtimes.node_clients.api import Answer, RuntimeApi, Script

ANSWER_S = 60
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FRAME = re.compile(r"^\s+at ")


@dataclass(frozen=True, slots=True)
class Case:
    """A function and its events."""

    files: Mapping[str, str]
    handler: str = "app.handler"
    events: tuple[Any, ...] = ({"n": 1}, {"n": 2})
    variables: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ("22", "24")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client did with a case."""

    answers: list[Answer]
    log: list[str]
    status: int | None
    """None if it waits for another event."""


def run_client(program: list[str | Path], case: Case, major: str, directory: Path) -> Outcome:
    """Let a client run until it has no more events, or ends."""
    task = directory / "task"
    for name, text in case.files.items():
        path = task / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = Script(case.events)
    api = RuntimeApi(script)
    variables = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_nodejs{major}.x",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "LAMBDA_TASK_ROOT": str(task),
        "NODE_PATH": str(task),
        "_HANDLER": case.handler,
        **case.variables,
    }
    process = subprocess.Popen(
        ["node", *program],
        cwd=task,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        ended = wait(process, script)
    finally:
        process.kill()
        output = process.communicate()[0]
        api.close()
    return Outcome(
        [Answer(answer.path, answer.headers, tidy(answer.body, task)) for answer in script.answers],
        [
            tidy_line(line, task)
            for line in output.splitlines()
            if not FRAME.match(line) and not is_clients_frame(line, task)
        ],
        process.returncode if ended else None,
    )


def wait(process: "subprocess.Popen[str]", script: Script) -> bool:
    """Whether the client has ended; False once it waits for another event."""
    for _ in range(ANSWER_S * 50):
        # Version 4 asks for its next event before the end of a stream that failed has arrived.
        if script.exhausted.wait(0.02) and len(script.answers) >= len(script.events):
            return False
        if process.poll() is not None:
            return True
    raise AssertionError(f"neither an end nor a next after {ANSWER_S} s: {script.answers}")


def tidy(value: Any, task: Path) -> Any:
    """Without frames of a stack that are a client's own."""
    if isinstance(value, dict):
        return {name: tidy(item, task) for name, item in value.items()}
    if isinstance(value, list):
        kept = [item for item in value if not is_clients_frame(item, task)]
        return [tidy(item, task) for item in kept]
    return tidy_text(value, task) if isinstance(value, str) else value


def is_clients_frame(one: Any, task: Path) -> bool:
    if not isinstance(one, str):
        return False
    return bool(FRAME.match(one) and str(task) not in one) or one.startswith("- ")


def tidy_text(text: str, task: Path) -> str:
    lines = [line for line in text.split("\n") if not is_clients_frame(line, task)]
    text = TIME.sub("TIME", "\n".join(lines).replace(str(task), "TASK"))
    return re.sub(r"(imported from) \S+", r"\1 CLIENT", text)


def tidy_line(line: str, task: Path) -> str:
    before, brace, rest = line.partition("{")
    try:
        found = json.loads(brace + rest)
    except ValueError:
        return tidy_text(re.sub(r"\r\s+at .*|\r- .*", "", line), task)
    return tidy_text(before, task) + json.dumps(tidy(found, task))
