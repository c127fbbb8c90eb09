"""The files of this machine that an environment with its own /opt and /tmp still needs.

Contract: names paths, whether or not they exist.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from kubelambda.local.environments.mounts import OPT, TMP
from kubelambda.local.machine import Machine

TRUST_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
PROGRAM_DIRECTORIES = ("bin", "sbin")


def list_needed_paths(
    machine: Machine, programs: Iterable[Path], variables: Mapping[str, str]
) -> list[Path]:
    """The interpreters, ``programs``, the directories of PATH, and the trusted certificates."""
    interpreters = [Path(path) for path, _ in machine.interpreters.values()]
    named = [*interpreters, *programs]
    found = [Path(sys.prefix), Path(sys.base_prefix)]
    found += [Path(variables[name]) for name in TRUST_VARIABLES if name in variables]
    for place in (OPT, TMP):
        below = {
            path
            for entry in named
            for path in (entry, entry.resolve())
            if path.is_relative_to(place)
        }
        found += [path if path.is_dir() else find_prefix(path, place) for path in below]
        found += [
            find_prefix(Path(entry) / "program", place)
            for entry in variables.get("PATH", "").split(":")
            if Path(entry).is_relative_to(place)
        ]
    return found


def find_prefix(program: Path, place: Path) -> Path:
    """The directory that a program was installed to, or the program if that is ``place``."""
    directory = program.parent
    prefix = directory.parent if directory.name in PROGRAM_DIRECTORIES else directory
    return prefix if place in prefix.parents else program
