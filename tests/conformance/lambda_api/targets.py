"""What the suite runs against: local mode as its own process, or the chart on a cluster.

Contract: ``put`` returns when the function can be invoked; functions are named by the caller and
stay until the target closes.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from e2e.kubectl import Kubectl
from kubelambda.core.model.account import derive_account_id
from kubelambda.local.bootstrap import Unavailable, plan_bootstrap
from kubelambda.local.machine import find_cache, find_machine

ROOT = Path(__file__).resolve().parents[3]
SOURCES = Path(__file__).parent / "sources"
REGION = "us-east-1"
READY_S = 90
TARGET = os.environ.get("LAMBDA_TARGET", "local")


class Target(Protocol):
    """A running installation."""

    name: str
    url: str

    def put(self, function: str, source: str, **spec: Any) -> str:
        """Make a function of the handler in ``sources/<source>.py``, or of ``code``; its ARN."""
        ...

    def arn_of(self, function: str) -> str:
        """What ``put`` gives, whether the function is there or not."""
        ...

    def drop(self, function: str) -> None:
        """Delete a function; its environments end without being waited for."""
        ...

    def put_object(self, manifest: dict[str, Any]) -> None:
        """Make any object of ours; does not wait for anything."""
        ...

    def delete_object(self, manifest: dict[str, Any]) -> None:
        """Delete what ``put_object`` has made."""
        ...

    def has_runtime(self, runtime: str) -> bool:
        """Whether functions can name this runtime."""
        ...

    def read_log(self, function: str) -> str:
        """All that the function's environments have logged."""
        ...

    def close(self) -> None:
        """End everything that was started or made."""
        ...


def make_client(url: str, *, attempts: int = 1) -> Any:
    """boto3 as users have it; by default without its retries, so that a test sees each answer."""
    retries: dict[str, Any] = {"total_max_attempts": attempts}
    config = Config(retries=retries, read_timeout=70, max_pool_connections=20)
    return boto3.client(
        "lambda",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


def build_manifest(function: str, source: str, **spec: Any) -> dict[str, Any]:
    """The LambdaFunction, as a user would write it; Python unless ``spec`` says otherwise."""
    if "code" not in spec:
        spec["code"] = {"inline": {"app.py": (SOURCES / f"{source}.py").read_text()}}
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaFunction",
        "metadata": {"name": function},
        "spec": {
            "runtime": "python3.13",
            "handler": "app.handler",
            **spec,
        },
    }


def build_arn(namespace: str, function: str) -> str:
    """The ARN of a function whose namespace has no account of its own choice."""
    return f"arn:aws:lambda:{REGION}:{derive_account_id(namespace)}:function:{function}"


class LocalTarget:
    """``kubelambda local start`` on a directory that the tests write functions to."""

    name = "local"

    def __init__(
        self, directory: Path, variables: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._functions = directory / "functions"
        self._functions.mkdir()
        write_yaml(self._functions / "first.yaml", build_manifest("first", "echo"))
        self._log = directory / "log"
        program = Path(sys.executable).parent / "kubelambda"
        arguments = ["local", "start", str(self._functions), "--port", "0"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [program, *arguments, "--state", str(directory / "state")],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
            )
        self.url = self._wait_for_url()

    def put(self, function: str, source: str, **spec: Any) -> str:
        write_yaml(self._functions / f"{function}.yaml", build_manifest(function, source, **spec))
        client = make_client(self.url)
        end = time.monotonic() + READY_S
        while True:
            try:
                client.invoke(FunctionName=function, InvocationType="DryRun")
                break
            except ClientError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        return self.arn_of(function)

    def arn_of(self, function: str) -> str:
        return build_arn("default", function)

    def drop(self, function: str) -> None:
        (self._functions / f"{function}.yaml").unlink(missing_ok=True)

    def put_object(self, manifest: dict[str, Any]) -> None:
        write_yaml(self._file(manifest), manifest)

    def delete_object(self, manifest: dict[str, Any]) -> None:
        self._file(manifest).unlink()

    def has_runtime(self, runtime: str) -> bool:
        machine = find_machine(find_cache(os.environ))
        return not isinstance(plan_bootstrap(runtime, "app.handler", machine), Unavailable)

    def read_log(self, function: str) -> str:
        return self._log.read_text()

    def _file(self, manifest: dict[str, Any]) -> Path:
        name = str(manifest["metadata"]["name"])
        kind = manifest["kind"]
        # A function stands in the file that ``put`` writes.
        return self._functions / (
            f"{name}.yaml" if kind == "LambdaFunction" else f"{kind}-{name}.yaml"
        )

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def _wait_for_url(self) -> str:
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            found = re.search(r"local mode at (\S+)", self._log.read_text())
            if found:
                return found[1]
            time.sleep(0.02)
        self.close()
        raise AssertionError(f"local mode did not start: {self._log.read_text()}")


class ClusterTarget:
    """The release on the test cluster, with a namespace of this run's own."""

    name = "cluster"

    def __init__(self) -> None:
        os.environ["KUBECONFIG"] = str(ROOT / ".cluster" / "kubeconfig")
        os.environ["PATH"] = f"{ROOT / '.cluster' / 'bin'}:{os.environ['PATH']}"
        self._kubectl = Kubectl()
        program = [ROOT / "hack" / "gateway-url"]
        self.url = subprocess.run(
            program, check=True, capture_output=True, text=True
        ).stdout.strip()
        self._namespace = f"conformance-{time.time_ns() % 10**10:010d}"
        self._kubectl.run("create", "namespace", self._namespace)

    def put(self, function: str, source: str, **spec: Any) -> str:
        self._kubectl.apply(build_manifest(function, source, **spec), namespace=self._namespace)
        scope, name = ("-n", self._namespace), f"lfn/{function}"
        wait = ("wait", "--for=condition=Ready", name, f"--timeout={READY_S}s")
        arn = self._kubectl.json(*scope, *wait)["status"]["functionArn"]
        assert arn == self.arn_of(function)
        return str(arn)

    def arn_of(self, function: str) -> str:
        return build_arn(self._namespace, function)

    def drop(self, function: str) -> None:
        options = ("--wait=false", "--ignore-not-found")
        self._kubectl.run("-n", self._namespace, "delete", f"lfn/{function}", *options)

    def put_object(self, manifest: dict[str, Any]) -> None:
        self._kubectl.apply(manifest, namespace=self._namespace)

    def delete_object(self, manifest: dict[str, Any]) -> None:
        kind, name = manifest["kind"].lower(), manifest["metadata"]["name"]
        self._kubectl.run("-n", self._namespace, "delete", kind, name)

    def has_runtime(self, runtime: str) -> bool:
        return self._kubectl.run("get", f"lrt/{runtime}", check=False).returncode == 0

    def read_log(self, function: str) -> str:
        scope = ("-n", self._namespace)
        uid = self._kubectl.json(*scope, "get", f"lfn/{function}")["metadata"]["uid"]
        chosen = ("-l", f"kubelambda.io/function-uid={uid}", "--tail=-1")
        return self._kubectl.run(*scope, "logs", *chosen, check=False).stdout

    def close(self) -> None:
        self._kubectl.run("delete", "namespace", self._namespace, "--wait=false")


def write_yaml(path: Path, manifest: dict[str, Any]) -> None:
    """Whole or not at all: local mode reads a file as soon as it changes."""
    part = path.with_suffix(".part")
    part.write_text(yaml.safe_dump(manifest))
    shutil.move(part, path)
