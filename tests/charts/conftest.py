"""Rendering the chart with `helm template`.

These tests need helm and no cluster. `make test` must run on a machine without helm, so it leaves
tests/charts out; `make check` and `make e2e` run them. Without helm they fail: never a skip.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "kubelambda"
# A helm that was built with `go install` takes the cluster for an ancient one.
KUBE_VERSION = "1.35.0"

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


def run_helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """helm of .cluster/bin or PATH."""
    path = f"{ROOT / '.cluster' / 'bin'}:{os.environ['PATH']}"
    helm = shutil.which("helm", path=path)
    assert helm, "no helm on PATH nor in .cluster/bin: `make cluster-up` builds one"
    return subprocess.run([helm, *arguments], capture_output=True, text=True, check=False)


def try_template(*settings: str) -> subprocess.CompletedProcess[str]:
    """`helm template` of release kubelambda in namespace kl; a setting may be path=[JSON list]."""
    flags = ("--set-json" if "=[" in setting else "--set" for setting in settings)
    sets = [part for pair in zip(flags, settings, strict=True) for part in pair]
    return run_helm(
        "template", "kubelambda", str(CHART), "-n", "kl", "--kube-version", KUBE_VERSION, *sets
    )


@pytest.fixture(scope="session")
def render() -> Render:
    """All objects that the chart makes under the settings given."""
    rendered: dict[tuple[str, ...], list[Manifest]] = {}

    def run(*settings: str) -> list[Manifest]:
        if settings not in rendered:
            done = try_template(*settings)
            assert done.returncode == 0, done.stderr
            documents = yaml.safe_load_all(done.stdout)
            rendered[settings] = [document for document in documents if document is not None]
        return rendered[settings]

    return run
