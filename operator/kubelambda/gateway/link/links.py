"""All links of a gateway: how many there may be, and what they share.

Contract: counts, and refuses what would exceed a limit; does no I/O. A peer that has not proved
itself takes a connection of its address's share. A peer that has proved itself may be hostile all
the same: the links of one function are limited, since each takes a descriptor and a place in the
report to the controller.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kubelambda.gateway.link.environment import Environment, EnvironmentListener
from kubelambda.gateway.link.event_deadlines import EventDeadlines
from kubelambda.gateway.link.hello import Hello
from kubelambda.gateway.link.hello_decision import HelloDecision

LINKS_PER_FUNCTION_MAX = 1_500
"""Beyond the thousand environments of an account's limit, and some that are being replaced."""
UNAUTHENTICATED_PER_ADDRESS_MAX = 64
PING_S = 5.0
DEAD_S = 20.0


class Link(Protocol):
    """What ``Links`` knows of a link."""

    def close(self) -> None:
        """End it after what was written."""
        ...


class Decider(Protocol):
    """Decides how hellos are answered (``gateway.link.hello_decider``)."""

    def decide(self, hello: Hello, answer: Callable[[HelloDecision], None]) -> None:
        """Call ``answer`` with the decision on ``hello``, at once or within a few seconds."""
        ...

    def forget(self, hello: Hello) -> None:
        """The agent that waits for an answer has hung up."""
        ...


@dataclass(slots=True)
class Links:
    """The links of one gateway."""

    derive_key: Callable[[str, int], bytes | None]
    """The key for a function's uid and a key generation; None for an unknown generation."""
    decider: Decider
    attach: Callable[[Environment], None]
    """Takes an environment whose agent has been welcomed."""
    detach: Callable[[Environment], None]
    """Called once its link has ended."""
    listener: EnvironmentListener
    read_epoch: Callable[[], int]
    """The epoch of this gateway's view."""
    prove_epoch: Callable[[int], str]
    """This gateway's proof of an epoch; agents keep it and bring it along (frames.prove_epoch)."""
    serve_http: Callable[[asyncio.Transport, bytes], None]
    """Takes over a connection on which something other than the link's upgrade has come."""
    ping_s: float = PING_S
    dead_s: float = DEAD_S
    links_per_function_max: int = LINKS_PER_FUNCTION_MAX
    deadlines: EventDeadlines = field(default_factory=EventDeadlines)
    """Of the events in flight on all links."""
    authenticated: set[Link] = field(default_factory=set)
    unauthenticated_by_address: Counter[str] = field(default_factory=Counter)
    links_by_uid: Counter[str] = field(default_factory=Counter)

    def count_unauthenticated(self, address: str) -> bool:
        """Count a connection of ``address``; False if it has too many."""
        if self.unauthenticated_by_address[address] >= UNAUTHENTICATED_PER_ADDRESS_MAX:
            return False
        self.unauthenticated_by_address[address] += 1
        return True

    def discount_unauthenticated(self, address: str) -> None:
        """Stop counting it: it has proved itself, is not a link, or has ended."""
        _decrement(self.unauthenticated_by_address, address)

    def add(self, link: Link, uid: str) -> bool:
        """Count a link of the function ``uid``; False if that has too many."""
        if self.links_by_uid[uid] >= self.links_per_function_max:
            return False
        self.links_by_uid[uid] += 1
        self.authenticated.add(link)
        return True

    def discard(self, link: Link, uid: str) -> None:
        """Stop counting it, if it was counted."""
        if link in self.authenticated:
            self.authenticated.discard(link)
            _decrement(self.links_by_uid, uid)


def _decrement(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
