"""Which languages this machine has, and where the files are that their functions need.

Contract: looks, and asks interpreters for their versions; changes nothing. A language's files come
with the package (``bootstraps``), in a checkout from the repository, or, if they have to be
fetched or compiled, from the cache that ``make local-runtimes`` and ``make node-runtimes`` fill.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from kubelambda.core.model.runtime_table import list_family

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "nodejs": ("node", "--version"),
    "java": ("java", "-version"),
    "ruby": ("ruby", "--version"),
    "dotnet": ("dotnet", "--list-runtimes"),
}
"""The program of each language, and how it is asked for its version."""

PREPARED: Mapping[str, tuple[str, str]] = {
    "java": ("java/lib", "java"),
    "dotnet": ("dotnet8/var/runtime/Kubelambda.Runtime.dll", "dotnet8/var/runtime"),
}
"""Languages whose files are fetched or compiled: a file that must exist, and their directory."""

FETCHED: Mapping[str, str] = {"dotnet": "dotnet8/var/lang"}
"""Languages whose interpreter is fetched if the machine has none, in /var/lang's place."""

MODULES: Mapping[str, str] = {"nodejs": "nodejs/node_modules"}
"""Where the libraries are fetched to that a language's image bundles beside its client."""

BUNDLED: Mapping[str, str] = {"python": "python", "nodejs": "nodejs/local", "ruby": "ruby"}
"""Languages whose files come with the package, and their directory there."""

BUILT = tuple(row.identifier for row in list_family("nodejs") if row.is_tested)
"""Runtimes that ``make node-runtimes`` builds completely, each as its image has it."""

IMAGES = "images"
"""Where ``hack/image-roots`` unpacks images: a directory for each runtime, with ``root`` and
``environment``, the image's variables as NAME=VALUE lines."""

ICU_PLACES = ("usr/lib/*/libicuuc.so.*", "usr/lib64/libicuuc.so.*", "usr/lib/libicuuc.so.*")
"""Where distributions have the library of the world's cultures."""

VERSION = re.compile(r"\d+(\.\d+)*")
ASK_S = 10.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found, by language."""

    interpreters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Path and version of the program that runs the language."""
    bootstraps: Mapping[str, str] = field(default_factory=dict)
    """The bootstrap of the language's image."""
    directories: Mapping[str, str] = field(default_factory=dict)
    """What takes the place of the image's /var/runtime."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Where bundled libraries are: the AWS SDK for Node."""
    fetched: Mapping[str, str] = field(default_factory=dict)
    """What takes the place of the image's /var/lang, if the interpreter was fetched."""
    has_icu: bool = True
    """Whether .NET finds ICU, by which it knows the world's cultures."""
    built: Mapping[str, str] = field(default_factory=dict)
    """By runtime: the directory that holds the image's var/lang and var/runtime."""
    images: Mapping[str, str] = field(default_factory=dict)
    """By runtime: the directory of its unpacked image (IMAGES)."""


def find_machine(cache: Path | None = None) -> Machine:
    """The Python that runs this program and, if ``cache`` is given, every other language.

    ``cache`` is the directory of ``make local-runtimes``; it need not exist.
    """
    python = (sys.executable, f"{sys.version_info.major}.{sys.version_info.minor}")
    files = find_runtime_files()
    if cache is None:
        return Machine({"python": python}, directories={"python": str(files / "python")})
    directories = {name: str(files / path) for name, path in BUNDLED.items()}
    for name, (needed, directory) in PREPARED.items():
        if (cache / needed).exists():
            directories[name] = str(cache / directory)
    fetched = {name: str(cache / path) for name, path in FETCHED.items() if (cache / path).is_dir()}
    return Machine(
        interpreters={"python": python} | find_interpreters(PROGRAMS, fetched),
        bootstraps={name: str(files / name / "bootstrap") for name in PROGRAMS},
        directories=directories,
        modules={
            name: str(cache / path) for name, path in MODULES.items() if (cache / path).is_dir()
        },
        fetched=fetched,
        has_icu=any(has for place in ICU_PLACES for has in Path("/").glob(place)),
        built=find_built(cache),
        images=find_images(cache / IMAGES, is_root=os.geteuid() == 0),
    )


def find_cache(variables: Mapping[str, str]) -> Path:
    """The directory of ``make local-runtimes``, from a user's environment."""
    home = variables.get("HOME", "/nonexistent")
    return Path(variables.get("KUBELAMBDA_CACHE") or f"{home}/.cache/kubelambda") / "runtimes"


def find_built(cache: Path) -> dict[str, str]:
    """What ``make node-runtimes`` has finished, by runtime."""
    return {name: str(cache / name) for name in BUILT if (cache / name / "complete").exists()}


def find_images(directory: Path, *, is_root: bool) -> dict[str, str]:
    """What ``hack/image-roots`` has unpacked, by runtime; only root may change its root."""
    if not directory.is_dir() or not is_root:
        return {}
    return {place.name: str(place) for place in directory.iterdir() if (place / "root").is_dir()}


def find_runtime_files() -> Path:
    """The runtimes' own files: inside an installed package, else those of the checkout."""
    packaged = Path(__file__).parent / "bootstraps"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "runtimes"


def find_interpreters(
    programs: Mapping[str, Collection[str]],
    fetched: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, tuple[str, str]]:
    """Path and version of the programs that exist and answer; all are asked at the same time.

    One that was ``fetched`` goes before the machine's own.
    """
    asked = {}
    for language, (program, *question) in programs.items():
        place = f"{fetched[language]}/bin" if language in fetched else None
        path = shutil.which(program, path=place)
        if path:
            asked[language] = path, _ask([path, *question])
    found = {
        language: (path, _read_version(process)) for language, (path, process) in asked.items()
    }
    return {language: answer for language, answer in found.items() if answer[1]}


def _ask(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - a program found on PATH, its arguments our own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _read_version(process: "subprocess.Popen[str]") -> str:
    """The first version number that it prints; empty if it prints none in time."""
    try:
        output, _ = process.communicate(timeout=ASK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return ""
    number = VERSION.search(output)
    return number[0] if number and process.returncode == 0 else ""
