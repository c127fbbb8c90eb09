"""Hatchling's build hook: adds the agent to the package and compiles the hot modules.

Contract: ``runtimes/agent/build_hook.py`` builds the agent. KUBELAMBDA_COMPILE=1 compiles the
modules that pyproject.toml lists as ``compiled-modules``. The wheel then fits only the Python that
built it, and contains the sources as well; equal sources give an equal wheel. mypyc and its
dependencies have the versions of uv.lock. A module that cannot be compiled fails the build. An
editable install is never compiled: a compiled module would shadow the file being edited.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "KUBELAMBDA_COMPILE"
COMPILERS = ("mypy", "setuptools")


class PackageBuildHook(BuildHookInterface):
    """Adds what is not simply copied from the sources."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._agent = _load_agent_hook(Path(self.root))(*arguments, **options)
        self._output: Path | None = None

    def dependencies(self) -> list[str]:
        """What the build installs for itself."""
        compilers = read_pins(Path(self.root, "uv.lock"), *COMPILERS) if self._compiles() else []
        return [*self._agent.dependencies(), *compilers]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Runs before hatchling collects the files of a wheel or an editable install."""
        self._agent.initialize(version, build_data)
        if not self._compiles():
            return
        if version == "editable":
            raise SystemExit(
                f"kubelambda: an editable install cannot be compiled; unset {SWITCH}, or build a "
                "wheel"
            )
        self._output = Path(tempfile.mkdtemp(prefix="kubelambda-compiled-"))
        self._compile(self._output)
        build_data["force_include"] |= {
            str(file): str(file.relative_to(self._output))
            for file in sorted(self._output.rglob("*"))
            if file.is_file()
        }
        build_data["pure_python"] = False
        build_data.pop("tag", None)
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Runs after the wheel is written."""
        if self._output is not None:
            shutil.rmtree(self._output)

    def _compiles(self) -> bool:
        return self.target_name == "wheel" and os.environ.get(SWITCH, "0") != "0"

    def _compile(self, output: Path) -> None:
        modules = [f"kubelambda/{name}" for name in self.config["compiled-modules"]]
        sources = Path(self.root, "operator")
        command = [sys.executable, str(sources / "compile_modules.py"), str(sources), str(output)]
        # Otherwise sets would be iterated in another order each time, which shows in the output.
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        command += modules
        outcome = subprocess.run(command, env=environment, check=False)  # noqa: S603  # our own script
        if outcome.returncode != 0:
            raise SystemExit(
                "kubelambda: compiling failed, see above. It needs a C compiler and Python's "
                f"headers (Debian: gcc, python3-dev). To build a package in pure Python, unset "
                f"{SWITCH}."
            )
        for module in modules:
            if not list((output / module).parent.glob(f"{Path(module).stem}.*.so")):
                raise SystemExit(f"kubelambda: compiling produced no extension for {module}")


def read_pins(lock: Path, *names: str) -> list[str]:
    """``name==version`` of the packages and of all their dependencies, as uv.lock pins them."""
    packages = {package["name"]: package for package in tomllib.loads(lock.read_text())["package"]}
    pins: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        package = packages[waiting.pop()]
        if package["name"] not in pins:
            pins[package["name"]] = package["version"]
            waiting += [needed["name"] for needed in package.get("dependencies", [])]
    return [f"{name}=={version}" for name, version in sorted(pins.items())]


def _load_agent_hook(root: Path) -> type[BuildHookInterface]:
    file = root / "runtimes" / "agent" / "build_hook.py"
    spec = spec_from_file_location("agent_build_hook", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    hook: type[BuildHookInterface] = module.CustomBuildHook
    return hook
