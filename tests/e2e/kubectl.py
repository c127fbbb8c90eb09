"""kubectl, as users type it: the suite's way to the API server."""

import json
import subprocess
from typing import Any


class Kubectl:
    """Runs kubectl with KUBECONFIG and PATH as the session set them."""

    def run(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """One command; its error text becomes the assertion's message."""
        done = subprocess.run(
            ["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done

    def text(self, *arguments: str) -> str:
        return self.run(*arguments).stdout.strip()

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json").stdout)

    def items(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Any]:
        """The objects of a kind in one namespace, or in all."""
        scope = ["-n", namespace] if namespace else ["-A"]
        chosen = ["-l", selector] if selector else []
        return list(self.json("get", kind, *scope, *chosen)["items"])

    def apply(self, *manifests: dict[str, Any], namespace: str | None = None) -> None:
        """Server-side apply, as the documentation asks users to."""
        scope = ["-n", namespace] if namespace else []
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.run("apply", "--server-side", "-f", "-", *scope, stdin=text)
