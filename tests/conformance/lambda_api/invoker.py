"""What tests call: functions made on the target, boto3's answers read."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from conformance.lambda_api.targets import Target

T = TypeVar("T")
ANSWER_S = 30
"""How long a function may take to answer as a test wants it."""
LOG_S = 60
"""How long a line may take from an environment to who reads its log."""
FREE_S = 60
"""How long an environment may take to ask for its next event."""
ONE_ENVIRONMENT = {"reservedConcurrentExecutions": 1}
"""Spec of a function of which a test wants every event in the same environment; call it by
``call_when_free``. Without it a request that comes right after an answer may start a second one,
since an environment is free only when its runtime has asked for the next event."""


@dataclass(frozen=True, slots=True)
class Answer:
    """boto3's answer, its payload read."""

    payload: bytes
    raw: dict[str, Any]

    @property
    def value(self) -> Any:
        return json.loads(self.payload)

    @property
    def is_error(self) -> bool:
        return self.raw.get("FunctionError") == "Unhandled"

    @property
    def request_id(self) -> str:
        return str(self.raw["ResponseMetadata"]["RequestId"])

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.raw["ResponseMetadata"]["HTTPHeaders"])

    @property
    def tail(self) -> str:
        return base64.b64decode(self.raw["LogResult"]).decode()


@dataclass(frozen=True, slots=True)
class Invoker:
    """Functions made on the target, and boto3."""

    target: Target
    client: Any
    names: list[str] = field(default_factory=list)
    """Functions made so far."""

    def new_name(self) -> str:
        """A name that no other function has."""
        self.names.append(f"conformance-{len(self.names) + 1}")
        return self.names[-1]

    def put(self, source: str = "", **spec: Any) -> str:
        """A function of its own for this test; its ARN. Without ``source``, ``spec`` has code."""
        return self.target.put(self.new_name(), source, **spec)

    def push(self, path: Path) -> str:
        """`kubelambda package push`, as a user types it; what it prints."""
        program = Path(sys.executable).parent / "kubelambda"
        command = [program, "package", "push", path, "--endpoint-url", self.target.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask_until(self, name: str, event: Any, done: Callable[[Any], bool]) -> Any:
        """What the function ``name`` answers, or the text of its refusal, once that is ``done``.

        The function may not be there yet: only ``done`` ends the wait, or ANSWER_S.
        """
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                said = self(self.target.arn_of(name), event).value
            except ClientError as error:
                said = str(error)
            if done(said):
                return said
            assert time.monotonic() < end, said
            time.sleep(0.02)

    def wait_for_log(self, function: str, *lines: str) -> str:
        """The log of a function (name or ARN) once it has every one of ``lines``.

        An environment that has scaled to zero takes its log along: ask at once.
        """
        name, end = function.rsplit(":", 1)[-1], time.monotonic() + LOG_S
        log = self.target.read_log(name)
        while missing := [line for line in lines if line not in log]:
            assert time.monotonic() < end, f"not in the log of {name}: {missing}\n{log[-4000:]}"
            time.sleep(0.2)
            log = self.target.read_log(name)
        return log

    def call_when_free(self, function: str, event: Any = None, **arguments: Any) -> Answer:
        """Invoke a function of ONE_ENVIRONMENT."""
        return retry_while_throttled(lambda: self(function, event, **arguments))

    def __call__(self, function: str, event: Any = None, **arguments: Any) -> Answer:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        raw = self.client.invoke(FunctionName=function, Payload=payload, **arguments)
        return Answer(raw["Payload"].read(), raw)


def retry_while_throttled(call: Callable[[], T]) -> T:
    """What ``call`` returns once its function has a free slot, for FREE_S at most."""
    end = time.monotonic() + FREE_S
    while True:
        try:
            return call()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code != "TooManyRequestsException" or time.monotonic() > end:
                raise
            time.sleep(0.05)
