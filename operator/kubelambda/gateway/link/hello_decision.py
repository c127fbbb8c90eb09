"""How a gateway can answer an agent's hello once the agent has proved itself.

Contract: values only. ``hello_decider`` chooses one, ``connection`` sends what it stands for
(docs/link.md, section 2).
"""

from dataclasses import dataclass
from typing import Any

RETRY_MS = 2_000
"""When an agent that was refused may try again."""


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The agent becomes an environment; ``configure`` is None if it was configured before."""

    configure: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The agent is to try again later."""

    reason: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Redirected:
    """The agent is to dial the gateway that owns its function."""

    address: str


@dataclass(frozen=True, slots=True)
class Retired:
    """The agent has obeyed an epoch that no gateway would make, and so would not obey ours: it is
    to finish its event and end.
    """


HelloDecision = Welcomed | Refused | Redirected | Retired
