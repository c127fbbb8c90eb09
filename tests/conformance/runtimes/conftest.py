"""The row of a test: its language, and a function of it that answers the scenarios."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from conformance.conftest import INSTALL
from conformance.lambda_api.invoker import ONE_ENVIRONMENT, Answer, Invoker
from conformance.lambda_api.targets import TARGET
from conformance.runtimes.languages import (
    LANGUAGES,
    NODE_SDK,
    Code,
    Language,
    find_absent,
    find_likeness,
)
from kubelambda.local.machine import find_cache, find_machine

ALL_WANTED = os.environ.get("KUBELAMBDA_ALL_RUNTIMES") == "1"
TIMEOUT_S = 20
GREETING = "Grüße"


@dataclass(slots=True)
class Row:
    """A language on the target."""

    name: str
    language: Language
    invoker: Invoker
    directory: Callable[[str], Path]
    pool: ThreadPoolExecutor
    code: Code = field(init=False)
    arn: str = field(init=False)
    """A function that answers the scenarios, each event in the same environment."""
    timed_out: Future[tuple[Answer, Answer]] = field(init=False)
    """What takes its time, begun with the row: a timeout after 3 s, and the next invocation."""
    _of_test: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.code = self._build("code", self.language.code)
        self.timed_out = self.pool.submit(self._run_into_timeout)
        self.arn = self._put(environment={"variables": {"GREETING": GREETING}}, **ONE_ENVIRONMENT)

    @property
    def has_image(self) -> bool:
        """Whether it runs in its image: on a cluster, and where hack/image-roots unpacked it."""
        images = find_machine(find_cache(os.environ)).images
        return TARGET == "cluster" or self.language.runtime in images

    def put(self, **spec: Any) -> str:
        """Another function of the same code, for one test."""
        arn = self._put(**spec)
        self._of_test.append(arn)
        return arn

    def _put(self, **spec: Any) -> str:
        wanted = {
            "runtime": self.language.runtime,
            "handler": self.language.handler,
            "code": self.code,
            "memorySize": self.language.memory_mb,
            "timeout": TIMEOUT_S,
        }
        return self.invoker.put(**(wanted | spec))

    def drop_all(self) -> None:
        """Delete the functions of the test: a cluster has no room for all of the suite at once."""
        while self._of_test:
            self.drop(self._of_test.pop())

    def drop(self, arn: str) -> None:
        self.invoker.target.drop(arn.rsplit(":", 1)[1])

    def put_broken(self) -> str:
        """A function whose init fails."""
        code = self._build("broken", self.language.broken_code)
        return self.put(handler=self.language.broken_handler, code=code)

    def _build(self, part: str, build: Callable[[Path], Code]) -> Code:
        code = build(self.directory(part))
        if "directory" in code:
            return {"package": self.invoker.push(code["directory"])}
        return code

    def _run_into_timeout(self) -> tuple[Answer, Answer]:
        # A whole CPU: the second environment begins within the 3 s too, Java's on a busy machine.
        arn = self._put(timeout=3, memorySize=1769)
        self.ask("count", arn=arn)
        answers = self.ask("sleep", arn=arn, seconds=30), self.ask("count", arn=arn)
        self.drop(arn)
        return answers

    def ask(self, question: str, *, arn: str = "", **event: Any) -> Answer:
        """Invoke with the members in the order given."""
        asked = {name: event.pop(name) for name in ("LogType", "ClientContext") if name in event}
        return self.invoker.call_when_free(arn or self.arn, {"ask": question, **event}, **asked)


@pytest.fixture(scope="session")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as made:
        yield made


@pytest.fixture(scope="session")
def absent() -> dict[str, str]:
    """Why a language cannot be had here, by language."""
    return find_absent(local=TARGET == "local")


def skip_absent(language: str, reason: str) -> NoReturn:
    """Skip what needs a language that is not there; a failure where all are wanted."""
    if ALL_WANTED:
        pytest.fail(f"all runtimes are wanted, but not there: {language}: {reason}")
    is_likeness = language in LANGUAGES and find_likeness(language) != language
    pytest.skip(f"{language}: {reason}: {'make soak-images' if is_likeness else INSTALL}")


@pytest.fixture
def node_sdk(absent: dict[str, str]) -> None:
    """For tests that need the SDK that Node's runtime bundles."""
    if NODE_SDK in absent:
        skip_absent("Node.js's SDK", absent[NODE_SDK])


@pytest.fixture(scope="session", params=LANGUAGES)
def row(
    request: pytest.FixtureRequest,
    absent: dict[str, str],
    pool: ThreadPoolExecutor,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Row]:
    name = request.param
    if name in absent:
        skip_absent(name, absent[name])
    invoker = request.getfixturevalue("invoker")
    made = Row(
        name, LANGUAGES[name], invoker, lambda part: tmp_path_factory.mktemp(f"{name}-{part}"), pool
    )
    yield made
    made.drop(made.arn)


@pytest.fixture(autouse=True)
def tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    row = request.getfixturevalue("row") if "row" in request.fixturenames else None
    yield
    if row:
        row.drop_all()
