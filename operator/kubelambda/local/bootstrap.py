"""Which command runs a function's runtime on this machine.

Contract: from what was found on the machine (``machine.Machine``); reads at most an image's list of
variables. A runtime whose language is missing gives a sentence that says what to install. One of
another version than the machine's runs on the machine's version, with a warning; one that was built
for this machine runs as it is. The bootstraps are those of the runtimes' images; LAMBDA_RUNTIME_DIR
names the directory that takes the place of /var/runtime.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubelambda.core.model.runtime_table import FAMILIES, RUNTIMES
from kubelambda.local.machine import Machine

IDENTIFIER = re.compile(r"(python|nodejs|java|ruby|dotnet)(\d+(?:\.\d+)?)(?:\.x|\.al2)?")
PROVIDED = re.compile(r"provided(\.[a-z0-9]+)?")

MISSING: Mapping[str, str] = {
    "nodejs": "the program node",
    "java": "the program java",
    "ruby": "the program ruby",
    "dotnet": "the program dotnet (`make local-runtimes` fetches it)",
}


WRAPPED = '[ -z "$AWS_LAMBDA_EXEC_WRAPPER" ] || set -- "$AWS_LAMBDA_EXEC_WRAPPER" "$@"; exec "$@"'
"""Runs a command, through the wrapper script if there is one (spec 6.5)."""

IMAGE_BOOTSTRAP = "/var/runtime/bootstrap"
CHROOT = "/usr/sbin/chroot"
"""In no directory of an image's PATH."""

LOCALE = {"LC_ALL": "C.UTF-8"}
"""A machine may lack the locale that LANG names, and would then read variables as ASCII."""

LOG_FRAMES: Mapping[str, str] = {"KUBELAMBDA_LOG_FRAMES": "true"}
"""Tells the agent that the language's client writes log records in frames, as its image does."""
FRAMING = ("python", "java")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The command that takes the place of a runtime image's bootstrap."""

    argv: tuple[str, ...]
    warning: str = ""
    """How this differs from the runtime that was asked for; empty if it does not."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What an image would set in its environment, apart from paths."""
    language: str = "provided"
    versions: tuple[str, ...] = ()
    """The versions in names of layers' directories (``core.packages.language_paths``)."""
    runtime_directory: str = ""
    """What takes the place of /var/runtime."""
    lang_directory: str = ""
    """What takes the place of /var/lang, if the interpreter was fetched or built."""
    modules: str = ""
    """Where the libraries are that the image bundles."""
    image_root: str = ""
    """The root directory of the runtime's image, where it runs below that."""

    @property
    def directories(self) -> list[str]:
        """The machine's files that the runtime consists of, apart from interpreters."""
        places = (self.runtime_directory, self.lang_directory, self.modules)
        scripts = [part for part in self.argv[1:2] if part.startswith("/")]
        return [*filter(None, places), *scripts]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """This machine cannot run the language; ``reason`` says what is missing."""

    reason: str


def plan_bootstrap(runtime: str, handler: str, machine: Machine) -> Bootstrap | Unavailable:
    """The command for ``runtime``, or why there is none."""
    if PROVIDED.fullmatch(runtime):
        return Bootstrap(())  # the file named bootstrap of the code or of a layer
    if runtime in machine.images:
        return _plan_image(Path(machine.images[runtime]))
    if runtime in machine.built:
        return _plan_built(runtime, machine.built[runtime])
    known = IDENTIFIER.fullmatch(runtime)
    if known is None:
        return Unavailable(_explain_unknown(runtime))
    return _plan_language(known, handler, machine)


def _plan_language(known: re.Match[str], handler: str, machine: Machine) -> Bootstrap | Unavailable:
    """Run it with the machine's version of its language."""
    runtime, language, asked = known[0], known[1], known[2]
    if language not in machine.interpreters:
        return Unavailable(f"runtime {runtime} needs {MISSING[language]}, which is not on PATH")
    if language not in machine.directories:
        return Unavailable(f"runtime {runtime} needs files that `make local-runtimes` prepares")
    interpreter, version = machine.interpreters[language]
    directory = machine.directories[language]
    return Bootstrap(
        argv=_build_command(language, interpreter, handler, machine),
        warning=_compare(language, asked, version),
        variables=_list_variables(language, directory, machine),
        language=language,
        versions=_name_versions(language, asked, version),
        runtime_directory=directory,
        lang_directory=machine.fetched.get(language, ""),
        modules=machine.modules.get(language, ""),
    )


def _build_command(
    language: str, interpreter: str, handler: str, machine: Machine
) -> tuple[str, ...]:
    """The image's bootstrap; for Python, the same with the Python that has the client."""
    if language != "python":
        return ("/bin/sh", machine.bootstraps[language])
    launcher = f"{machine.directories[language]}/runtime_path.py"
    command = (interpreter, "-s", "-P", launcher, handler)
    return ("/bin/sh", "-c", WRAPPED, "bootstrap", *command)


def _list_variables(language: str, directory: str, machine: Machine) -> dict[str, str]:
    own = {"LAMBDA_RUNTIME_DIR": directory}
    if language == "dotnet":
        own |= _list_dotnet_variables(machine)
    if language in FRAMING:
        own |= LOG_FRAMES
    return own if language == "python" else own | LOCALE


def _list_dotnet_variables(machine: Machine) -> dict[str, str]:
    own = {}
    if "dotnet" in machine.fetched:
        own["DOTNET_ROOT"] = f"{machine.fetched['dotnet']}/bin"
    if not machine.has_icu:
        own["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "true"  # else no program starts
    return own


def _name_versions(language: str, asked: str, running: str) -> tuple[str, ...]:
    """Node's after the runtime; gems after the Ruby that runs, then after the runtime."""
    if language != "ruby":
        return (asked.split(".", maxsplit=1)[0],)
    names = (".".join([*version.split("."), "0"][:2]) + ".0" for version in (running, asked))
    return tuple(dict.fromkeys(names))


def _plan_image(directory: Path) -> Bootstrap:
    """Its image's own bootstrap and programs, below the image's root."""
    root = directory / "root"
    lines = (directory / "environment").read_text().splitlines()
    return Bootstrap(
        argv=(CHROOT, str(root), "/bin/sh", "-c", f"cd /var/task && exec {IMAGE_BOOTSTRAP}"),
        variables=dict(line.split("=", 1) for line in lines),
        image_root=str(root),
    )


def _plan_built(runtime: str, directory: str) -> Bootstrap:
    own = f"{directory}/var/runtime"
    return Bootstrap(
        argv=("/bin/sh", f"{own}/bootstrap"),
        variables={"LAMBDA_RUNTIME_DIR": own, **LOCALE},
        language="nodejs",
        versions=(runtime.removeprefix("nodejs").removesuffix(".x"),),
        runtime_directory=own,
        lang_directory=f"{directory}/var/lang",
        modules=f"{own}/node_modules",
    )


def _explain_unknown(runtime: str) -> str:
    if not runtime:
        return "an image function needs a cluster: local mode has no container engine"
    known = ", ".join(RUNTIMES)
    hint = "use provided.al2023 with a bootstrap" if runtime.startswith("go") else f"known: {known}"
    return f"there is no runtime {runtime!r}: {hint}"


def _compare(language: str, asked: str, version: str) -> str:
    """A warning if the machine's version differs from the one in the runtime's name."""
    parts = asked.count(".") + 1
    here = ".".join(version.split(".")[:parts])
    if here == asked:
        return ""
    return f"runs on this machine's {FAMILIES[language]} {here}"
