"""What a row of the samples' tests is: a function, an event, and all that Lambda makes of it."""

import json
from dataclasses import dataclass
from typing import Any

from conformance.runtimes.languages import NODE_SDK
from conformance.runtimes.sample_packages import SAMPLES


@dataclass(frozen=True, slots=True)
class Sample:
    """A function as its author deploys it."""

    project: str
    """A directory of ``samples``."""
    handler: str
    runtime: str
    package: str = "."
    """What of the built project is uploaded: a directory, or a jar."""
    memory_mb: int = 256
    needs_sdk: bool = False
    """Whether it uses the runtime's own AWS SDK for Node, and brings none."""

    @property
    def language(self) -> str:
        return self.project.split("/", maxsplit=1)[0]

    @property
    def needs(self) -> tuple[str, ...]:
        """What must not be absent here."""
        return (self.language, NODE_SDK) if self.needs_sdk else (self.language,)


@dataclass(frozen=True, slots=True)
class Failure:
    """The error of a function; ``message`` is a pattern."""

    type: str
    message: str
    stack: str = ""
    """What the stack names: where the function failed; empty if there is no line of it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sample and an event. $REQUEST, $FUNCTION and $ARN stand for the invocation's own."""

    rule: str
    sample: Sample
    event: Any
    answer: str | Failure
    """The payload to the byte, or what failed."""
    log: tuple[str, ...] | None = ()
    """Patterns of all lines between START and END; None if the tail is too short for them."""


def load(name: str, **changed: Any) -> Any:
    """An event of ``samples/events``, with some of its members changed."""
    return json.loads((SAMPLES / "events" / f"{name}.json").read_text()) | changed
