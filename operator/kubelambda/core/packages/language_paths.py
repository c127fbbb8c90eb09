"""Where each language looks for the function's code, its layers and its libraries.

Contract: pure; the only table of these paths. Runtime images set them in their Dockerfiles
(tests/unit/runtimes/test_images.py compares each Dockerfile with this table); local mode sets them
with an environment's own directories in place of an image's. Source: spec/lambda.md, sections 6.3
and 6.5; the order of a list is AWS's.

LIMIT: in local mode, if environments have no /opt of their own, a function that sets one of
these variables itself no longer finds its layers by it if it names /opt and /var/task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PATH = ("{lang}/bin", "/usr/local/bin", "/usr/bin/", "/bin", "{opt}/bin")
_LIBRARIES = (
    *("{lang}/lib", "/lib64", "/usr/lib64", "{runtime}", "{runtime}/lib"),
    *("{task}", "{task}/lib", "{opt}/lib"),
)
_NODE_PATH = (
    *("{opt}/nodejs/node{version}/node_modules", "{opt}/nodejs/node_modules"),
    *("{modules}", "{runtime}", "{task}"),
)
_GEM_PATH = ("{task}/vendor/bundle/ruby/{version}", "{opt}/ruby/gems/{version}")
_RUBYLIB = ("{task}", "{runtime}/lib", "{opt}/ruby/lib")

COMMON: Mapping[str, tuple[str, ...]] = {"PATH": _PATH, "LD_LIBRARY_PATH": _LIBRARIES}
LISTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "python": {"PYTHONPATH": ("{runtime}",)},
    "nodejs": {"NODE_PATH": _NODE_PATH},
    "java": {},
    "ruby": {"GEM_PATH": _GEM_PATH, "RUBYLIB": _RUBYLIB},
    "dotnet": {},
    "provided": {},
}
"""By language, what is added to COMMON. ``provided`` has no {lang}."""

CLASS_PATH = ("{task}", "{task}/lib/*", "{opt}/java/lib/*")
"""Java's client finds these by itself, but only in a directory named /opt."""


@dataclass(frozen=True, slots=True)
class Roots:
    """The directories of the table; an empty one does not exist, nor does anything below it."""

    task: str = "/var/task"
    opt: str = "/opt"
    runtime: str = "/var/runtime"
    lang: str = "/var/lang"
    modules: str = "/var/runtime/node_modules"
    """Libraries bundled for Node."""


IMAGE = Roots()


def build_image_paths(language: str, version: str) -> dict[str, str]:
    """The variables of a language's image; ``version`` is what directories of layers are named by.

    That is 22 for Node 22 and 3.3.0 for Ruby 3.3.
    """
    roots = Roots(lang="") if language == "provided" else IMAGE
    return {
        name: ":".join(_fill(entries, roots, (version,)))
        for name, entries in _list_variables(language).items()
    }


def build_local_paths(
    language: str, versions: Sequence[str], roots: Roots, machine_path: str
) -> dict[str, str]:
    """The variables for a process on a machine, whose own programs are at ``machine_path``.

    Of several ``versions`` of a directory the first one's comes first.
    """
    variables = {
        name: ":".join(_fill(_keep_rooted(entries), roots, versions))
        for name, entries in _list_variables(language).items()
    }
    before, after = _fill(("{lang}/bin",), roots, ()), _fill(("{opt}/bin",), roots, ())
    variables["PATH"] = ":".join([*before, *([machine_path] if machine_path else []), *after])
    if "GEM_PATH" in variables:
        variables["GEM_PATH"] += ":"  # an empty last entry stands for the machine's own gems
    if language == "java" and roots.opt != IMAGE.opt:
        variables["CLASSPATH"] = ":".join(_fill(CLASS_PATH, roots, ()))
    return variables


def _list_variables(language: str) -> dict[str, tuple[str, ...]]:
    return {**COMMON, **LISTS[language]}


def _keep_rooted(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Without directories of an image's own system."""
    return tuple(entry for entry in entries if entry.startswith("{"))


def _fill(entries: tuple[str, ...], roots: Roots, versions: Sequence[str]) -> list[str]:
    directories = {
        "task": roots.task,
        "opt": roots.opt,
        "runtime": roots.runtime,
        "lang": roots.lang,
        "modules": roots.modules,
    }
    return [
        entry.format(version=version, **directories)
        for entry in entries
        for version in (versions if "{version}" in entry else ("",))
        if not entry.startswith("{") or directories[entry[1 : entry.index("}")]]
    ]
