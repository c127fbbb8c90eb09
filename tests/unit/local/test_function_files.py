"""Local mode serves what its files hold, and keeps what was good while one of them is broken."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.function import FunctionRef
from kubelambda.local.function_files import FunctionFiles
from kubelambda.local.machine import find_machine

NAME = "a" * 64
MANIFEST = """
apiVersion: kubelambda.io/v1alpha1
kind: LambdaFunction
metadata: {{name: {name}}}
spec:
  runtime: {runtime}
  handler: app.handler
  code: {code}
"""
INLINE = "{inline: {app.py: x = 1}}"


@dataclass
class Harness:
    """Files of a test, the packages that were uploaded, and what is printed."""

    directory: Path
    packages: set[str] = field(default_factory=set)
    printed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.index = FunctionIndex()
        self.files = FunctionFiles(
            paths=[self.directory],
            index=self.index,
            machine=find_machine(),
            holds_package=lambda name: name in self.packages,
            say=self.printed.append,
            today=lambda: date(2026, 11, 28),
        )

    def write(self, name: str, *, runtime: str = "python3.13", code: str = INLINE) -> None:
        text = MANIFEST.format(name=name, runtime=runtime, code=code)
        (self.directory / f"{name}.yaml").write_text(text)

    def reason(self, name: str) -> str:
        function = self.index.get(FunctionRef("default", name))
        assert function is not None
        return function.stalled_reason


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path)


def test_a_file_that_is_broken_by_an_edit_is_told_once_and_serves_as_before(
    harness: Harness,
) -> None:
    harness.write("hello")
    harness.files.load()
    assert harness.index.synced
    (harness.directory / "hello.yaml").write_text("kind: [")
    harness.files.reload()
    harness.files.reload()
    assert harness.reason("hello") == ""
    assert len(harness.printed) == 1
    assert "served as before: hello" in harness.printed[0]


def test_a_function_whose_file_is_gone_is_not_served_any_more(harness: Harness) -> None:
    harness.write("hello")
    harness.files.load()
    (harness.directory / "hello.yaml").unlink()
    harness.files.reload()
    assert harness.index.get(FunctionRef("default", "hello")) is None


def test_a_function_waits_for_its_package_until_that_is_uploaded(harness: Harness) -> None:
    harness.write("hello", code=f"{{package: {NAME}}}")
    harness.files.load()
    assert harness.reason("hello") == "PackageNotFound"
    harness.files.look_for_packages()
    assert harness.reason("hello") == "PackageNotFound"
    harness.packages.add(NAME)
    harness.files.look_for_packages()
    assert harness.reason("hello") == ""


def test_a_function_in_a_language_that_is_not_here_says_so(harness: Harness) -> None:
    harness.write("other", runtime="erlang27")
    harness.files.load()
    assert harness.reason("other") == "RuntimeUnavailable"
    content_type, body = harness.files.render_page("us-east-1", "application/json")
    assert content_type == "application/json"
    assert b"erlang27" in body


def test_the_end_of_a_runtimes_support_is_said_once_and_ends_nothing(harness: Harness) -> None:
    harness.write("old", runtime="python3.10")
    harness.files.load()
    harness.write("older", runtime="python3.10")
    harness.files.reload()
    told = [line for line in harness.printed if "support" in line]
    assert told == ["note: support of runtime python3.10 ended on 2026-10-31; change to python3.14"]
    assert harness.reason("old") == harness.reason("older") == ""


def test_nothing_is_said_of_a_runtime_that_is_supported(harness: Harness) -> None:
    harness.write("new")
    harness.files.load()
    assert not [line for line in harness.printed if "support" in line]
