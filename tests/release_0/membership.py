"""Which gateways there are, who owns a function, and how all of them come to agree (DESIGN 3.3).

Contract: pure; time comes in. A view is a numbered list of members. Rules, named in the tests:

- M1 of two views the one with the higher epoch counts; equal epochs are told apart by their
  members, so that everybody keeps the same one.
- M2 only the leader makes a new view: the first by name of those that are alive and not leaving.
- M3 a new view has a higher epoch than any that its maker has heard of, agents included.
- M4 a gateway is alive for DEAD_S after its last heartbeat; one that is leaving or not ready to
  serve is no member.
- M5 what a gateway that fell silent had in flight counts as busy for UNHEARD_S more: its
  environments need that long to link themselves to the next owner.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.core.coordination.ownership import choose_owner
from kubelambda.core.model.function import FunctionRef

DEAD_S = 3.0
UNHEARD_S = 5.0
EPOCH_MAX = 2**53
MEMBERS_MAX = 256


class MalformedHeartbeatError(ValueError):
    """The body is not a heartbeat."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """One gateway. ``address`` is the host:port of its internal listener."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class View:
    """The gateways that count, ordered by name. Epoch 0 is no view yet."""

    epoch: int = 0
    members: tuple[Member, ...] = ()

    def find_owner(self, ref: FunctionRef) -> Member | None:
        """The member that owns ``ref``; None while there is no view."""
        if not self.members:
            return None
        if len(self.members) == 1:
            return self.members[0]
        name = choose_owner(ref.namespace, ref.name, [one.name for one in self.members])
        return next(one for one in self.members if one.name == name)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a gateway tells the others, twice a second and on every change of its own."""

    sender: Member
    view: View
    serving: bool
    """Ready and not leaving: it may own functions."""
    in_flight: Mapping[FunctionRef, int] = field(default_factory=dict)
    """Invocations that hold a slot at the sender, by function; zeros are left out."""
    accounts: Mapping[str, int] = field(default_factory=dict)
    """The same by account, over the functions that have no reservation."""
    incarnation: int = 0
    """Unix milliseconds of the process's start: tells a restarted gateway from its former self."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The last heartbeat of another gateway, and when it came (monotonic seconds)."""

    heartbeat: Heartbeat
    heard_at: float

    def is_alive(self, now: float) -> bool:
        """Rule M4."""
        return now - self.heard_at < DEAD_S


def choose_view(own: View, other: View) -> View:
    """The view that counts of two (M1)."""
    return max(own, other, key=lambda view: (view.epoch, view.members))


def plan_view(
    own: Heartbeat, peers: Iterable[Peer], *, highest_epoch: int, now: float, now_ms: int
) -> View:
    """The view to hold from now on: ``own.view``, or the one that the leader has to make (M2, M3).

    ``highest_epoch`` is the highest that anybody was heard to speak of; ``now_ms`` (unix time)
    keeps epochs growing over a restart of all gateways at once.
    """
    serving = [
        peer.heartbeat.sender for peer in peers if peer.is_alive(now) and peer.heartbeat.serving
    ]
    if own.serving:
        serving.append(own.sender)
    members = tuple(sorted(set(serving)))
    leads = bool(members) and members[0] == own.sender
    is_current = members == own.view.members and own.view.epoch >= highest_epoch
    if not leads or is_current:
        return own.view
    return View(max(own.view.epoch + 1, highest_epoch + 1, now_ms), members)


def count_elsewhere(
    peers: Iterable[Peer], read: Callable[[Heartbeat], int], now: float, *, heard: int = 0
) -> int:
    """What other gateways hold, and what silent ones may still hold less what was ``heard`` (M5).

    ``read`` takes a count out of a heartbeat; ``heard`` is how many of the silent ones'
    environments have linked themselves here since.
    """
    living = unheard = 0
    for peer in peers:
        if peer.is_alive(now):
            living += read(peer.heartbeat)
        elif now - peer.heard_at < DEAD_S + UNHEARD_S:
            unheard += read(peer.heartbeat)
    return living + max(0, unheard - heard)


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """JSON of a heartbeat."""
    members = [[one.name, one.address] for one in heartbeat.view.members]
    in_flight = [[ref.namespace, ref.name, count] for ref, count in heartbeat.in_flight.items()]
    return json.dumps(
        {
            "name": heartbeat.sender.name,
            "address": heartbeat.sender.address,
            "incarnation": heartbeat.incarnation,
            "epoch": heartbeat.view.epoch,
            "members": members,
            "serving": heartbeat.serving,
            "inFlight": in_flight,
            "accounts": dict(heartbeat.accounts),
        },
        separators=(",", ":"),
    ).encode()


def decode_heartbeat(body: bytes) -> Heartbeat:
    """The heartbeat in ``body``; MalformedHeartbeatError for anything else."""
    try:
        raw = json.loads(body)
        return Heartbeat(
            sender=Member(_text(raw["name"]), _text(raw["address"])),
            incarnation=_number(raw["incarnation"]),
            view=View(_number(raw["epoch"]), _members(raw["members"])),
            serving=raw["serving"] is True,
            in_flight={
                FunctionRef(_text(namespace), _text(name)): _number(count)
                for namespace, name, count in raw["inFlight"]
            },
            accounts={_text(one): _number(count) for one, count in raw["accounts"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedHeartbeatError(f"not a heartbeat: {error!r}") from error


def _members(value: Any) -> tuple[Member, ...]:
    members = tuple(Member(_text(name), _text(address)) for name, address in value)
    if len(members) > MEMBERS_MAX or list(members) != sorted(set(members)):
        raise ValueError("members are too many or out of order")
    return members


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text is missing")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= EPOCH_MAX:
        raise TypeError("a number is missing")
    return value
