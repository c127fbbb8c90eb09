"""Samples built with their languages' own tools: pip's packages, npm, Maven, ``go build``.

Contract: ``build_project`` gives a directory that holds what is uploaded; it is built once for the
same sources and kept in the cache of ``make local-runtimes``, also where several processes ask for
it at the same time. Only the first build needs tools and a network; UnbuildableError if they
cannot be had.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from conformance.lambda_api.layers import CLUSTER_PYTHON, ROOT
from kubelambda.local.machine import find_cache

SAMPLES = Path(__file__).parent / "samples"
BUILD_S = 240
OFFLINE = (
    "dns error",
    "Failed to fetch",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "Could not transfer",
    "Unknown host",
    "no such host",
    "dial tcp",
)
"""How uv, npm, Maven and Go say that there is no network."""


class UnbuildableError(Exception):
    """A tool is not on PATH, or cannot reach its registry; the message says which and how."""


def build_project(project: str) -> Path:
    """The built files of ``project``, a directory of ``samples``."""
    source = SAMPLES / project
    kept = find_cache(os.environ).parent / "samples"
    target = kept / f"{project.replace('/', '-')}-{_digest(source)}"
    kept.mkdir(parents=True, exist_ok=True)
    language = project.split("/", maxsplit=1)[0]
    with (kept / f"{language}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Maven's and npm's own caches are not for two at a time
        if not target.is_dir():
            _build(BUILDERS[language], source, target)
    return target


def _build(build: Callable[[Path, Path], None], source: Path, target: Path) -> None:
    """Whole or not at all."""
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        work, output = Path(directory) / "work", Path(directory) / "output"
        shutil.copytree(source, work)
        output.mkdir()
        build(work, output)
        output.rename(target)


def _build_python(work: Path, output: Path) -> None:
    """Libraries beside the code, as ``pip install --target`` puts them."""
    wanted = work / "requirements.txt"
    if wanted.exists():
        pip = [ROOT / "hack" / "uv", "pip", "install", "--quiet", "--only-binary", ":all:"]
        _run(*pip, "--python-version", CLUSTER_PYTHON, "--target", output, "-r", wanted)
        wanted.unlink()
    shutil.copytree(work, output, dirs_exist_ok=True)


def _build_nodejs(work: Path, output: Path) -> None:
    """Libraries in node_modules, as ``npm ci`` leaves them."""
    if (work / "package-lock.json").exists():
        _run("npm", "ci", "--omit=dev", "--ignore-scripts", "--prefix", work)
        (work / "node_modules" / ".package-lock.json").unlink()
        shutil.rmtree(work / "node_modules" / ".bin", ignore_errors=True)
    shutil.copytree(work, output, dirs_exist_ok=True)


def _build_java(work: Path, output: Path) -> None:
    """``samples.jar`` with everything in it, ``zip`` with the libraries as lib/*.jar."""
    _run("mvn", "-q", "-B", "-f", work / "pom.xml", "package")
    built = work / "target"
    shutil.copy(built / "samples.jar", output)
    shutil.copytree(built / "zip", output / "zip")
    shutil.copytree(built / "classes", output / "zip", dirs_exist_ok=True)


def _build_go(work: Path, output: Path) -> None:
    """A directory with ``bootstrap`` for each command, built as AWS says for provided.al2023."""
    variables = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    build = ["go", "build", "-C", work, "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc"]
    for command in sorted((work / "cmd").iterdir()):
        bootstrap = output / command.name / "bootstrap"
        _run(*build, "-o", bootstrap, f"./cmd/{command.name}", env=variables)


BUILDERS: Mapping[str, Callable[[Path, Path], None]] = {
    "python": _build_python,
    "nodejs": _build_nodejs,
    "java": _build_java,
    "go": _build_go,
}


def _digest(source: Path) -> str:
    """Of what the build is made of: sources, and how they are built."""
    files = [Path(__file__), *sorted(path for path in source.rglob("*") if path.is_file())]
    digest = hashlib.sha256()
    for path in files:
        name = os.path.relpath(path, source)
        digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _run(*command: str | Path, env: Mapping[str, str] | None = None) -> None:
    if not shutil.which(command[0]):
        raise UnbuildableError(f"no {command[0]} on PATH")
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=BUILD_S, env=env
    )
    said = f"{done.stdout}{done.stderr}"
    for line in said.splitlines():
        if done.returncode and any(word in line for word in OFFLINE):
            raise UnbuildableError(f"{command[0]}: {line.strip()}")
    assert done.returncode == 0, f"{command[0]}: {said}"
