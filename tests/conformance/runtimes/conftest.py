"""The row of a test: its language, and a function of it that answers the scenarios."""

import os
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest

from conformance.conftest import note_impossible
from conformance.lambda_api.invoker import Answer, Invoker
from conformance.lambda_api.targets import TARGET
from conformance.runtimes.languages import IMPOSSIBLE, LANGUAGES, Language
from conformance.runtimes.packages import has_go_modules
from kubelambda.local.machine import find_cache, find_machine
from kubelambda.local.runtimes import Unavailable, plan_bootstrap

ALL_WANTED = os.environ.get("KUBELAMBDA_ALL_RUNTIMES") == "1"
COMPILERS = {"java": "javac", "dotnet": "mcs", "go": "go"}
TIMEOUT_S = 20
GREETING = "Grüße"


@dataclass(slots=True)
class Row:
    """A language on the target."""

    name: str
    language: Language
    invoker: Invoker
    directory: Any
    arn: str = field(init=False)

    def __post_init__(self) -> None:
        self.arn = self.put(environment={"variables": {"GREETING": GREETING}})

    def put(self, **spec: Any) -> str:
        """Another function of the same code."""
        directory = self.directory("code")
        wanted = {
            "runtime": self.language.runtime,
            "handler": self.language.handler,
            "code": self.language.code(directory),
            "memorySize": 1024,
            "timeout": TIMEOUT_S,
        }
        return self.invoker.put(**(wanted | spec))

    def put_broken(self) -> str:
        """A function whose init fails."""
        code = self.language.broken_code(self.directory("broken"))
        return self.put(handler=self.language.broken_handler, code=code)

    def ask(self, question: str, *, arn: str = "", **event: Any) -> Answer:
        """Invoke with the members in the order given."""
        asked = {name: event.pop(name) for name in ("LogType", "ClientContext") if name in event}
        return self.invoker(arn or self.arn, {"ask": question, **event}, **asked)


@pytest.fixture(scope="session")
def absent() -> dict[str, str]:
    """Why a language cannot be had here, by language."""
    machine = find_machine(find_cache(os.environ))
    reasons = {}
    for name, language in LANGUAGES.items():
        plan = plan_bootstrap(language.runtime, language.handler, machine)
        if isinstance(plan, Unavailable) and TARGET == "local":
            reasons[name] = plan.reason
        elif name in COMPILERS and not shutil.which(COMPILERS[name]):
            reasons[name] = f"no {COMPILERS[name]} to compile the handlers with"
        elif name == "go" and not has_go_modules():
            reasons[name] = "no aws-lambda-go in Go's module cache: make local-runtimes"
    return reasons


@pytest.fixture(scope="session", params=LANGUAGES)
def row(
    request: pytest.FixtureRequest,
    absent: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Row:
    name = request.param
    impossible = IMPOSSIBLE.get(name, {}).get(TARGET, "")
    reason = impossible or absent.get(name, "")
    if reason:
        note_impossible(request.config, f"row {name}", reason)
        if ALL_WANTED and not impossible:
            pytest.fail(f"all runtimes are wanted, but {name} is not there: {reason}")
        pytest.skip(f"{name}: {reason}")
    invoker = request.getfixturevalue("invoker")
    return Row(
        name, LANGUAGES[name], invoker, lambda part: tmp_path_factory.mktemp(f"{name}-{part}")
    )
