"""What a runtime identifier is: its language, its image, and until when AWS supports it.

Contract: values, and what can be said of them on a given day; pure. The rows are in
``runtime_table``.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class SupportPhase(StrEnum):
    """What AWS does with functions of a runtime on a given day."""

    SUPPORTED = "Supported"
    ENDED = "Ended"
    """No fixes any more; functions are created, updated and run as before."""
    CREATION_BLOCKED = "CreationBlocked"
    """Functions that exist are updated and run."""
    UPDATE_BLOCKED = "UpdateBlocked"
    """Functions that exist run."""


@dataclass(frozen=True, slots=True)
class Support:
    """AWS's dates of a runtime; each is the first day on which it holds."""

    end: date
    creation_blocked: date
    update_blocked: date

    @classmethod
    def parse(cls, end: str, creation_blocked: str, update_blocked: str) -> "Support":
        """From YYYY-MM-DD; ValueError for anything else."""
        return cls(*map(date.fromisoformat, (end, creation_blocked, update_blocked)))

    def find_phase(self, today: date) -> SupportPhase:
        """The phase on ``today``."""
        if today < self.end:
            return SupportPhase.SUPPORTED
        if today < self.creation_blocked:
            return SupportPhase.ENDED
        if today < self.update_blocked:
            return SupportPhase.CREATION_BLOCKED
        return SupportPhase.UPDATE_BLOCKED


@dataclass(frozen=True, slots=True)
class StandIn:
    """What an image is made of where no image can be pulled, as where this project is tested."""

    suite: str
    """The suite of Debian that ``hack/images`` makes the base image from."""
    source: str
    """Where the language comes from, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeIdentifier:
    """A row of the table."""

    identifier: str
    """What functions say in spec.runtime."""
    family: str
    """The directory in runtimes/ whose Dockerfile makes the image."""
    version: str
    """The language's version, as people write it: 3.13, 22, 21."""
    base: str
    """The image that a user builds from: the Dockerfile's argument BASE."""
    arguments: tuple[str, ...] = ()
    """The Dockerfile's other arguments, NAME=VALUE."""
    client: str = ""
    """The runtime client, in words; empty for the functions' own."""
    support: Support
    stand_in: StandIn | None = None
    """None: the image was never built and tested by this project."""
    is_usual: bool = False
    """``hack/images`` builds it unasked, and CI's cluster has it."""
    served_by: str = ""
    """The identifier whose image serves this one as well; empty: an image of its own."""

    @property
    def is_tested(self) -> bool:
        """Whether this project has built the image and run its tests with it."""
        return self.stand_in is not None

    @property
    def image(self) -> str:
        """The name of ``hack/images`` for its image."""
        return f"runtime-{self.served_by or self.identifier}"

    @property
    def chart_key(self) -> str:
        """Its key among the chart's ``runtimes``."""
        return self.identifier.replace(".", "_")
