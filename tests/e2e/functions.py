"""Functions of the end-to-end tests: manifests, and how to wait for them and invoke them."""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from e2e.kubectl import Kubectl

RUNTIME = "python3.13"
SEEN_S = 10.0
"""Within this every gateway has seen what the API server says."""

ECHO = """
def handler(event, context):
    return {"event": event, "memory": context.memory_limit_in_mb}
"""

FAULTS = """
import time

class Refused(Exception):
    pass

def handler(event, context):
    if event.get("fault") == "raise":
        raise Refused("no")
    time.sleep(event.get("seconds", 0))
    return "done"
"""

PROBE = """
import socket

def handler(event, context):
    found = {}
    for name, (host, port) in event.items():
        try:
            socket.create_connection((host, port), timeout=2).close()
            found[name] = "open"
        except OSError as error:
            found[name] = type(error).__name__
    return found
"""


def build_function(name: str, source: str = ECHO, **spec: Any) -> dict[str, Any]:
    """A LambdaFunction with inline Python."""
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaFunction",
        "metadata": {"name": name},
        "spec": {
            "runtime": RUNTIME,
            "handler": "app.handler",
            "code": {"inline": {"app.py": source}},
            **spec,
        },
    }


@dataclass(frozen=True, slots=True)
class Functions:
    """Functions in one namespace, invoked by their ARNs."""

    kubectl: Kubectl
    client: Any
    namespace: str

    def apply(self, manifest: dict[str, Any]) -> str:
        """Apply, wait for Ready as a user would, and return the ARN.

        A gateway's watch may be a moment behind kubectl's: a function that was not ready before is
        refused until then, so this waits until a dry run is taken.
        """
        name = manifest["metadata"]["name"]
        self.kubectl.apply(manifest, namespace=self.namespace)
        condition = "--for=condition=Ready"
        wait = ("wait", condition, f"lfn/{name}", "--timeout=90s")
        arn = str(self.kubectl.json("-n", self.namespace, *wait)["status"]["functionArn"])
        end = time.monotonic() + SEEN_S
        while not self._is_taken(arn) and time.monotonic() < end:
            time.sleep(0.05)
        return arn

    def _is_taken(self, arn: str) -> bool:
        try:
            self.client.invoke(FunctionName=arn, InvocationType="DryRun")
        except self.client.exceptions.ResourceNotReadyException:
            return False
        except ClientError:
            return True  # whatever it is, the test's own invocation hears it
        return True

    def invoke(self, arn: str, event: Any, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        """The payload, decoded, and boto3's whole answer."""
        answer = self.client.invoke(
            FunctionName=arn, Payload=json.dumps(event).encode(), **arguments
        )
        return json.loads(answer["Payload"].read()), answer

    def pods(self, name: str) -> list[Any]:
        """Pods that run the function now."""
        return self.kubectl.items("pods", self.namespace, self._selector(name))

    def runs(self, name: str) -> list[str]:
        """Request ids that the function's environments have begun, one for each run."""
        chosen = ("-l", self._selector(name), "--tail=-1")
        # A pod that has not started yet makes kubectl fail after it has printed the others' logs.
        log = self.kubectl.run("-n", self.namespace, "logs", *chosen, check=False).stdout
        return re.findall(r"^START RequestId: (\S+)", log, re.MULTILINE)

    def _selector(self, name: str) -> str:
        uid = self.kubectl.json("-n", self.namespace, "get", "lfn", name)["metadata"]["uid"]
        return f"kubelambda.io/function-uid={uid}"
