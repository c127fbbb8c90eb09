"""The clients that ``hack/client-sdks`` has built, as callables."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.lambda_api.invoker import Invoker

BUILT = os.environ.get("KUBELAMBDA_CLIENTS", "")
COMMANDS = {
    "javascript": ("node", "javascript/client.mjs"),
    "go": ("go-client",),
}
NOT_BUILT = "AWS's SDKs for JavaScript and Go: make test-clients"
CALL_S = 40


@dataclass(frozen=True, slots=True)
class Client:
    """One SDK in its own process, on the target."""

    name: str
    invoker: Invoker

    def put(self, source: str, **spec: Any) -> str:
        """A function of its own; its ARN."""
        return self.invoker.put(source, **spec)

    def invoke(self, function: str, event: Any = None, **asked: Any) -> dict[str, Any]:
        """What the SDK made of Invoke: its result, or its error."""
        return self._run("invoke", function, event, asked)

    def stream(self, function: str, event: Any = None, **asked: Any) -> dict[str, Any]:
        """What the SDK made of InvokeWithResponseStream."""
        return self._run("stream", function, event, asked)

    def _run(self, call: str, function: str, event: Any, asked: dict[str, Any]) -> dict[str, Any]:
        request = {"call": call, "function": function, "payload": json.dumps(event)} | asked
        *interpreter, program = COMMANDS[self.name]
        command = [*interpreter, str(Path(BUILT) / program)]
        done = subprocess.run(
            [*command, self.invoker.target.url, json.dumps(request)],
            capture_output=True,
            text=True,
            timeout=CALL_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="session", params=COMMANDS)
def client(request: pytest.FixtureRequest) -> Client:
    if not BUILT:
        pytest.skip(NOT_BUILT)
    return Client(request.param, request.getfixturevalue("invoker"))
