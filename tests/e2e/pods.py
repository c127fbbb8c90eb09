"""Plain pods of the tests, and the images that are on the node."""

from typing import Any

from e2e.conftest import ROOT


def read_image(name: str) -> str:
    tags = dict(line.split("=") for line in (ROOT / ".cluster" / "images").read_text().splitlines())
    return f"localhost/kubelambda/{name}:{tags[name]}"


def build_pod(name: str, program: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 993,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": read_image("runtime-python3.13"),
                    "imagePullPolicy": "Never",
                    "command": ["python3", "-c", program],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
