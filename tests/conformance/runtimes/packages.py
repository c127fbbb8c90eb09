"""A row's code: files as they are, or compiled and zipped."""

import base64
import io
import os
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from kubelambda.local.machine import find_cache

SOURCES = Path(__file__).parent / "sources"
JAVA_RELEASE = "17"
"""What every Java that may run it understands; the runtime's own is newer."""


def inline(source: str, name: str = "") -> Callable[[Path], Mapping[str, object]]:
    """``spec.code`` with one file; ``name`` where it is not to keep its own."""
    path = SOURCES / source

    def build(_: Path) -> Mapping[str, object]:
        return {"inline": {name or path.name: path.read_text()}}

    return build


def zip_java(name: str) -> Callable[[Path], Mapping[str, object]]:
    """A class compiled by the JDK against AWS's interfaces."""

    def build(directory: Path) -> Mapping[str, object]:
        libraries = find_cache(os.environ) / "java" / "lib" / "*"
        target: list[str | Path] = ["--release", JAVA_RELEASE, "-nowarn", "-d", directory]
        run("javac", *target, "-cp", libraries, SOURCES / "java" / f"{name}.java")
        return zip_files(directory, "*.class")

    return build


def directory_go(*flags: str) -> Callable[[Path], Mapping[str, object]]:
    """A directory with the executable bootstrap, to be pushed: it is too large for the object."""

    def build(directory: Path) -> Mapping[str, object]:
        variables = os.environ | {"CGO_ENABLED": "0", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
        output: list[str | Path] = ["-o", directory / "bootstrap"]
        run("go", "build", "-C", SOURCES / "go", *flags, *output, ".", env=variables)
        return {"directory": directory}

    return build


def has_go_modules() -> bool:
    """Whether the row go can be built without a network."""
    variables = os.environ | {"GOPROXY": "off", "GOTOOLCHAIN": "local"}
    command: list[str | Path] = ["go", "list", "-C", SOURCES / "go", "-deps", "."]
    return subprocess.run(command, env=variables, capture_output=True, check=False).returncode == 0


def zip_files(directory: Path, pattern: str) -> Mapping[str, object]:
    """``spec.code`` with the files of a directory that have such names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob(pattern)):
            archive.write(path, path.relative_to(directory))
    return {"zipFile": base64.b64encode(packed.getvalue()).decode()}


def run(*command: str | Path, env: Mapping[str, str] | None = None) -> None:
    """Run a compiler; what it says where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
