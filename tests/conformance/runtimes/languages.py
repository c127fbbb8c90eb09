"""The rows: a runtime identifier, its handlers, and what the language calls things."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.runtimes.dotnet_packages import has_compiler, zip_dotnet
from conformance.runtimes.packages import (
    directory_go,
    has_go_modules,
    inline,
    zip_java,
)
from kubelambda.core.model.runtime_identifier import RuntimeIdentifier
from kubelambda.core.model.runtime_table import RUNTIMES, list_tested
from kubelambda.local.bootstrap import Unavailable, plan_bootstrap
from kubelambda.local.machine import find_cache, find_machine

Code = Mapping[str, Any]
COMPILERS = {"java": "javac", "go": "go"}


NO_BOOTSTRAP = {"code": {"inline": {"other": "no bootstrap"}}}


@dataclass(frozen=True, slots=True)
class Language:
    """One row."""

    runtime: str
    handler: str
    code: Callable[[Path], Code]
    """The handler that answers the scenarios: ``spec.code``, or a ``directory`` to push as its
    package. Given a directory to build in."""
    broken_handler: str
    broken_code: Callable[[Path], Code]
    """A handler whose init fails."""
    memory_mb: int = 256
    error_type: str = "Refused"
    error_keys: tuple[str, ...] = ("errorMessage", "errorType", "stackTrace")
    """The error of an exception, its keys in the client's order; the last one is the stack."""
    stack_word: str = ""
    """What a line of the stack must name: the handler's own code."""
    absent: Mapping[str, Any] = field(default_factory=lambda: NO_BOOTSTRAP)
    """A spec whose handler does not exist, and how that error is called."""
    absent_error_type: str = "Runtime.InvalidEntrypoint"
    init_error_type: str = ""
    init_error_message: str = "not today"
    log_lines: tuple[str, ...] = ("line one", "line two")
    """Patterns of the lines that the scenario "log" leaves in the log."""
    stream_handler: str = ""
    """The handler of the scenario "stream"; empty for the languages of BUFFERED."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Patterns of the variables that the runtime's image adds (spec 6.5)."""


IMAGE_PATH = {
    "PATH": r"/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": r"/var/lang/lib:.*/var/task/lib:/opt/lib",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}
PROVIDED_PATH = {
    "PATH": r"/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": r"/lib64:/usr/lib64:.*/var/task/lib:/opt/lib",
}
NODE_LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t%s\t%s\t%s"

DOTNET_LINE = r"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{{request}}\tinfo\t{}"

NODEJS = Language(
    runtime="nodejs22.x",
    handler="app.handler",
    code=inline("nodejs/app.js"),
    broken_handler="fails.handler",
    broken_code=inline("nodejs/fails.js"),
    error_keys=("errorType", "errorMessage", "trace"),
    stack_word="app.js",
    absent={"handler": "absent.handler"},
    absent_error_type="Runtime.ImportModuleError",
    init_error_type="RangeError",
    log_lines=(
        NODE_LINE % ("{request}", "INFO", "line one"),
        NODE_LINE % ("{request}", "WARN", "line two"),
        "line three",
    ),
    stream_handler="app.stream",
    variables=IMAGE_PATH | {"NODE_PATH": r"/opt/nodejs/node22/node_modules:.*:/var/task"},
)

_ROWS: dict[str, Language] = {
    "python": Language(
        runtime="python3.13",
        handler="app.handler",
        code=inline("python/app.py"),
        broken_handler="fails.handler",
        broken_code=inline("python/fails.py"),
        error_keys=("errorMessage", "errorType", "requestId", "stackTrace"),
        stack_word="app.py",
        absent={"handler": "absent.handler"},
        absent_error_type="Runtime.ImportModuleError",
        init_error_type="ValueError",
        variables=IMAGE_PATH | {"PYTHONPATH": "/var/runtime", "LC_CTYPE": r"C\.UTF-8"},
    ),
    "nodejs": NODEJS,
    "nodejs24": replace(
        NODEJS,
        runtime="nodejs24.x",
        variables=IMAGE_PATH | {"NODE_PATH": r"/opt/nodejs/node24/node_modules:.*:/var/task"},
    ),
    "java": Language(
        runtime="java21",
        handler="example.App::handleRequest",
        code=zip_java("App"),
        broken_handler="example.Fails::handleRequest",
        broken_code=zip_java("Fails"),
        memory_mb=512,
        error_type="example.App$Refused",
        stack_word="example.App",
        absent={"handler": "example.Absent::handleRequest"},
        absent_error_type="java.lang.ClassNotFoundException",
        init_error_type="java.lang.IllegalStateException",
        variables=IMAGE_PATH,
    ),
    "ruby": Language(
        runtime="ruby3.3",
        handler="app.handler",
        code=inline("ruby/app.rb"),
        broken_handler="fails.handler",
        broken_code=inline("ruby/fails.rb"),
        error_type="Function<Refused>",
        stack_word="app.rb",
        absent={"handler": "absent.handler"},
        absent_error_type="Init<LoadError>",
        init_error_type="Init<ArgumentError>",
        variables=IMAGE_PATH
        | {"GEM_PATH": r"/var/task/vendor/bundle/ruby/3\.3\.0:.*", "RUBYLIB": ".*/opt/ruby/lib"},
    ),
    "dotnet": Language(
        runtime="dotnet8",
        handler="App::Example.App::Handle",
        code=zip_dotnet("App", "Json"),
        broken_handler="Fails::Example.Fails::Handle",
        broken_code=zip_dotnet("Fails"),
        memory_mb=512,
        error_keys=("errorType", "errorMessage", "stackTrace"),
        stack_word="Example.App",
        absent={"handler": "App::Example.Absent::Handle"},
        absent_error_type="LambdaValidationException",
        init_error_type="InvalidOperationException",
        log_lines=tuple(DOTNET_LINE.format(line) for line in ("line one", "line two")),
        variables=IMAGE_PATH | {"DOTNET_ROOT": "/var/lang/bin", "LAMBDA_RUNTIME_NAME": "dotnet8"},
    ),
    "go": Language(
        runtime="provided.al2023",
        handler="bootstrap",
        code=directory_go(),
        broken_handler="bootstrap",
        broken_code=directory_go("-ldflags", "-X main.fails=yes"),
        error_keys=("errorMessage", "errorType"),
        init_error_type="Runtime.ExitError",
        init_error_message="exit status 2",
        stream_handler="bootstrap",
        variables=PROVIDED_PATH,
    ),
    "provided": Language(
        runtime="provided.al2023",
        handler="any",
        code=inline("provided/bootstrap"),
        # With less CPU it asks for the next event so late that a second environment has it.
        memory_mb=1024,
        broken_handler="any",
        broken_code=inline("provided/fails", "bootstrap"),
        stack_word="bootstrap",
        init_error_type="Custom.Unable",
        stream_handler="any",
        variables=PROVIDED_PATH,
    ),
}


ALL_IMAGES = os.environ.get("RUNTIMES") == "all"
"""Whether every image that the project tests is wanted; CI's cluster has the usual ones."""


def build_other_rows() -> dict[str, Language]:
    """A row, named by its identifier, of each tested runtime that the rows above leave out.

    It is its language's row; only an image has its version, so local mode would repeat that one.
    """
    known = {language.runtime for language in _ROWS.values()}
    return {
        identifier: _translate(RUNTIMES[identifier])
        for identifier in list_tested()
        if identifier not in known
    }


def _translate(row: RuntimeIdentifier) -> Language:
    like = _ROWS[row.family]
    variables = dict(like.variables)
    if row.family == "nodejs":
        variables["NODE_PATH"] = rf"/opt/nodejs/node{row.version}/node_modules:.*:/var/task"
    return replace(like, runtime=row.identifier, variables=variables)


LANGUAGES: Mapping[str, Language] = _ROWS | (build_other_rows() if ALL_IMAGES else {})


NODE_SDK = "nodejs-sdk"
"""Names the AWS SDK that the runtime of Node bundles, as if it were a language."""

_BUFFERED = {
    "python": "awslambdaric takes whole responses only",
    "java": "AWS's client collects what a RequestStreamHandler writes",
    "ruby": "AWS's client takes whole responses only, ours as well",
    "dotnet": "our client takes whole responses only",
}


def find_likeness(name: str) -> str:
    """The row whose handlers the row has."""
    return name if name in _ROWS else RUNTIMES[name].family


BUFFERED: Mapping[str, str] = {
    name: _BUFFERED[find_likeness(name)] for name in LANGUAGES if find_likeness(name) in _BUFFERED
}
"""Languages whose handlers cannot stream, and why."""


def find_absent(*, local: bool) -> dict[str, str]:
    """Why a language cannot be had here, by language; ``local``: functions run on this machine."""
    machine = find_machine(find_cache(os.environ))
    reasons = {}
    if local and "nodejs" not in machine.modules and not machine.built:
        reasons[NODE_SDK] = "local mode has no AWS SDK for Node: make local-runtimes"
    for name, language in LANGUAGES.items():
        like = find_likeness(name)
        plan = plan_bootstrap(language.runtime, language.handler, machine)
        if isinstance(plan, Unavailable) and local:
            reasons[name] = plan.reason
        elif local and name not in _ROWS and not isinstance(plan, Unavailable) and plan.warning:
            reasons[name] = f"{plan.warning}; only its image has its own"
        elif like in COMPILERS and not shutil.which(COMPILERS[like]):
            reasons[name] = f"no {COMPILERS[like]} to compile the handlers with"
        elif like == "dotnet" and not has_compiler():
            reasons[name] = "no compiler for the handlers: make local-runtimes"
        elif like == "go" and not has_go_modules():
            reasons[name] = "no aws-lambda-go in Go's module cache: make local-runtimes"
    return reasons
