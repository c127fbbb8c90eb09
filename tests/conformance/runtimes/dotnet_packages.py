"""A package of .NET's row: assemblies as they are, or as ``dotnet publish`` lays them out."""

import base64
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from conformance.runtimes.packages import SOURCES, run, zip_files
from kubelambda.local.machine import find_cache

CORE = "Amazon.Lambda.Core"
FRAMEWORK = ".NETCoreApp,Version=v8.0"
DOTNET = Path(__file__).parents[3] / "runtimes" / "dotnet"
CSC = DOTNET / "csc"
NATIVE = "runtimes/linux-x64/native/libshop.so"
RUNTIME_CONFIG = {
    "runtimeOptions": {
        "tfm": "net8.0",
        "framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"},
    }
}


def has_compiler() -> bool:
    """Whether ``make local-runtimes`` has prepared one."""
    return (_root() / "csc" / "csc.dll").is_file()


def zip_dotnet(name: str, *others: str) -> Callable[[Path], Mapping[str, object]]:
    """An assembly, with the one of Lambda's interfaces that a function brings along."""

    def build(directory: Path) -> Mapping[str, object]:
        _compile_core(directory)
        _compile(directory, name, (name, *others), (CORE,))
        return zip_files(directory, "*.dll")

    return build


def zip_published(directory: Path) -> Mapping[str, object]:
    """The assembly Shapes and what it needs, in the layout of `dotnet publish`."""
    _compile_core(directory)
    _compile(directory, "Library", ("Library",))
    _compile(directory, "Shapes", ("Shapes", "Json"), (CORE, "Library"))
    (directory / NATIVE).parent.mkdir(parents=True)
    (library,) = _root().glob("dotnet/shared/*.App/8.*/libSystem.Native.so")
    shutil.copy(library, directory / NATIVE)
    (directory / "Shapes.deps.json").write_text(json.dumps(_list_dependencies()))
    (directory / "Shapes.runtimeconfig.json").write_text(json.dumps(RUNTIME_CONFIG))
    return zip_files(directory, "*.*")


def zip_executable(directory: Path) -> Mapping[str, object]:
    """A program that speaks the Runtime API itself."""
    _compile(directory, "Program", ("Program",), kind="exe")
    (directory / "Program.runtimeconfig.json").write_text(json.dumps(RUNTIME_CONFIG))
    return zip_files(directory, "*.*")


def read_package(name: str) -> Mapping[str, object]:
    """A zip that was made long ago."""
    return {"zipFile": base64.b64encode((SOURCES / "dotnet" / name).read_bytes()).decode()}


def _root() -> Path:
    return find_cache(os.environ) / "dotnet8"


def _compile_core(directory: Path) -> None:
    interfaces = DOTNET / "interfaces" / "AmazonLambdaCore.cs"
    _compile(directory, CORE, ("AmazonLambdaCoreRest",), more=(interfaces,))


def _compile(
    directory: Path,
    name: str,
    sources: Sequence[str],
    references: Sequence[str] = (),
    kind: str = "library",
    more: Sequence[Path] = (),
) -> None:
    files = [*more, *(SOURCES / "dotnet" / f"{source}.cs" for source in sources)]
    needed = [f"-r:{directory / one}.dll" for one in references]
    target = [f"-target:{kind}", f"-out:{directory / name}.dll"]
    # Names that are only there for reflection, and a field that is never assigned.
    run(
        CSC,
        _root() / "dotnet",
        _root() / "csc",
        "-nowarn:0169,0414,0649,1998",
        *target,
        *needed,
        *files,
    )


def _list_dependencies() -> Mapping[str, object]:
    packages = {
        f"{CORE}/2.5.0": {"runtime": {f"lib/net8.0/{CORE}.dll": {}}},
        "Library/1.0.0": {"runtime": {"lib/netstandard2.0/Library.dll": {}}},
        "Shop.Native/1.0.0": {
            "runtimeTargets": {NATIVE: {"rid": "linux-x64", "assetType": "native"}}
        },
    }
    needed = dict(one.split("/") for one in packages)
    shapes = {"dependencies": needed, "runtime": {"Shapes.dll": {}}}
    kinds = {"Shapes/1.0.0": "project"} | dict.fromkeys(packages, "package")
    return {
        "runtimeTarget": {"name": FRAMEWORK, "signature": ""},
        "compilationOptions": {},
        "targets": {FRAMEWORK: {"Shapes/1.0.0": shapes, **packages}},
        "libraries": {
            name: {"type": kind, "serviceable": False, "sha512": ""} for name, kind in kinds.items()
        },
    }
