"""Layers as users make them: documents, programs in them, libraries from PyPI."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
CLUSTER_PYTHON = "3.13"
OFFLINE = ("dns error", "Connect", "timed out", "error sending request", "Failed to fetch")

EXTENSION = """#!/usr/bin/env python3
import json, os, urllib.request

BASE = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2020-01-01/extension"
request = urllib.request.Request(
    f"{BASE}/register",
    json.dumps({"events": ["INVOKE"]}).encode(),
    {"Lambda-Extension-Name": "witness"},
)
with urllib.request.urlopen(request) as answer:
    own = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
while True:
    with urllib.request.urlopen(urllib.request.Request(f"{BASE}/event/next", None, own)) as answer:
        event = json.load(answer)
    print(f"witness: {event['eventType']} {event['requestId']}", flush=True)
"""

BOOTSTRAP = r"""#!/bin/bash
# Answers every event with itself; bash alone, since a custom runtime's image may have no curl.
api="/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
while true; do
  exec 3<>"$api"
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' >&3
  id="" length=0
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -n "$line" ] || break
    case "${line,,}" in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) length=${line#*: } ;;
    esac
  done
  IFS= read -r -N "$length" body <&3
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\n' "$id" >&3
  printf 'Content-Length: %d\r\n\r\n%s' "${#body}" "$body" >&3
  IFS= read -r line <&3
  exec 3>&-
done
"""


class OfflineError(Exception):
    """PyPI cannot be reached; the message says how that showed."""


def build_layer(name: str, version: int, **content: Any) -> dict[str, Any]:
    """The LambdaLayer, as a user would write it."""
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaLayer",
        "metadata": {"name": f"{name}-{version}"},
        "spec": {"version": version, "content": content},
    }


def push(url: str, path: Path) -> str:
    """`kubelambda package push`, as a user types it; what it prints."""
    program = Path(sys.executable).parent / "kubelambda"
    command: list[str | Path] = [program, "package", "push", path, "--endpoint-url", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def find_version(target: str) -> str:
    """The minor version of Python that serves functions on ``target``."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return own if target == "local" else CLUSTER_PYTHON


def install_library(name: str, directory: Path, version: str) -> Path:
    """``pip install --target python`` for a Python of ``version``; OfflineError without PyPI."""
    command: list[str | Path] = [
        ROOT / "hack" / "uv",
        "pip",
        "install",
        "--quiet",
        "--only-binary",
        ":all:",
    ]
    command += ["--python-version", version, "--python", sys.executable]
    command += ["--target", str(directory / "python"), name]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env=os.environ | {"UV_HTTP_TIMEOUT": "10"},
    )
    if done.returncode and any(word in done.stderr for word in OFFLINE):
        raise OfflineError(done.stderr.strip().splitlines()[-1].strip())
    assert done.returncode == 0, done.stderr
    return directory
