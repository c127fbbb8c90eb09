"""import-linter refuses what the architecture forbids: each violation is tried on a copy."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

VIOLATIONS = {
    "core imports a library": ("core/wire/keys.py", "import yaml"),
    "core imports an upper layer": ("core/wire/keys.py", "import kubelambda.config"),
    "the gateway imports kubernetes": ("gateway/pools/pools.py", "import kubernetes"),
    "the gateway reaches kubernetes through kube": (
        "gateway/pools/pools.py",
        "import kubelambda.kube.client",
    ),
    "the gateway imports the controller": (
        "gateway/pools/pools.py",
        "import kubelambda.controller.function.plan",
    ),
    "the gateway's link imports the pools above it": (
        "gateway/link/links.py",
        "import kubelambda.gateway.pools.pool",
    ),
    "kube imports kopf": ("kube/paths.py", "import kopf"),
    "the controller imports kubernetes itself": (
        "controller/function/plan.py",
        "import kubernetes",
    ),
    "a folder of the controller imports one above it": (
        "controller/records/keys.py",
        "import kubelambda.controller.cache.store",
    ),
    "a decision about access imports what is above it": (
        "core/access/authorizer.py",
        "import kubelambda.core.model.function",
    ),
    "a folder of core imports one above it": (
        "core/model/code.py",
        "import kubelambda.core.wire.keys",
    ),
    "a package without a layer": ("helpers/__init__.py", ""),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("file", "line"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_violation_of_the_layers_is_refused(tmp_path: Path, file: str, line: str) -> None:
    package = tmp_path / "kubelambda"
    shutil.copytree(
        ROOT / "operator" / "kubelambda",
        package,
        ignore=shutil.ignore_patterns("__pycache__", "bin"),
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    changed = package / file
    changed.parent.mkdir(exist_ok=True)
    text = changed.read_text() if changed.exists() else '"""New."""\n'
    changed.write_text(f"{text}\n{line}\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout or "helpers" in done.stdout


def test_there_is_no_package_that_would_shadow_the_operator_module() -> None:
    """``operator/__init__.py`` would hide the standard library's operator."""
    assert not (ROOT / "operator" / "__init__.py").exists()
