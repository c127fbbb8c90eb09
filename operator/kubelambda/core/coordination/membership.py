"""Which gateways there are, who owns a function, and how all of them come to agree (DESIGN 3.3).

Contract: pure; time comes in. A view is a numbered list of members. Rules, named in the tests:

- M1 of two views the one with the higher epoch counts; equal epochs are told apart by their
  members, so that everybody keeps the same one.
- M2 only the leader makes a new view: the first by name of those that are alive and not leaving.
- M3 a new view has a higher epoch than any that its maker has heard of, from gateways and from
  agents that bring a gateway's word for it (``core.wire.frames.prove_epoch``). Nothing else that an
  agent says counts.
- M4 a gateway is alive for DEAD_S after its last heartbeat; one that is leaving or not ready to
  serve is no member.
- M5 what a gateway that fell silent had in flight counts as busy for UNHEARD_S more: its
  environments need that long to link themselves to the next owner.
- M6 an epoch more than EPOCH_AHEAD_MS ahead of the clock was made by no gateway that works: it
  counts for nothing. The leader makes its views below it; who follows a leader that still speaks of
  one (an older release) takes the members of its view under a number of its own.
- M7 a gateway that stood still for nearly DEAD_S may count as dead: until a round of heartbeats has
  told it, it begins no relayed event that must not run twice, since the sender may have gone on.

Versions (docs/formats.md): a heartbeat says in which format it was written. Members that are not
known are ignored, in the object and at the end of its lists.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.core.coordination.routing import choose_owner
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.checked_values import read_integer, read_name

DEAD_S = 3.0
UNHEARD_S = 5.0
EPOCH_MAX = 2**53
"""Nothing above this is told from it."""
EPOCH_AHEAD_MS = 86_400_000
"""Epochs begin at the unix time of their making, in milliseconds; clocks differ by less."""
MEMBERS_MAX = 256
FORMAT = 1


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
    format: int = FORMAT
    """Of the sender; 0 is the release before the first that said so."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The last heartbeat of another gateway, and when it came (monotonic seconds)."""

    heartbeat: Heartbeat
    heard_at: float

    def is_alive(self, now: float) -> bool:
        """Rule M4."""
        return now - self.heard_at < DEAD_S


def is_credible(epoch: int, now_ms: int) -> bool:
    """Whether a gateway can have made ``epoch`` (M6)."""
    return epoch <= now_ms + EPOCH_AHEAD_MS


def choose_view(own: View, other: View, now_ms: int) -> View:
    """The view that counts of two (M1), of which one that is not credible counts less (M6)."""
    return max(
        own,
        other,
        key=lambda view: (is_credible(view.epoch, now_ms), view.epoch, view.members),
    )


def plan_view(
    own: Heartbeat, peers: Iterable[Peer], *, highest_epoch: int, now: float, now_ms: int
) -> View:
    """The view to hold from now on: ``own.view``, or the one that has to be made (M2, M3, M6).

    ``highest_epoch`` is the highest that anybody was heard to speak of; ``now_ms`` (unix time)
    keeps epochs growing over a restart of all gateways at once.
    """
    views = {
        peer.heartbeat.sender: peer.heartbeat.view
        for peer in peers
        if peer.is_alive(now) and peer.heartbeat.serving
    }
    if own.serving:
        views[own.sender] = own.view
    if not views:
        return own.view
    epoch, highest_epoch = (
        one if is_credible(one, now_ms) else 0 for one in (own.view.epoch, highest_epoch)
    )
    members = tuple(sorted(views))
    if members[0] != own.sender:
        lead = views[members[0]]
        if is_credible(lead.epoch, now_ms):
            return own.view
        members = lead.members
        is_current = members == own.view.members
    else:
        is_current = members == own.view.members and own.view.epoch == epoch >= highest_epoch
    return own.view if is_current else View(max(epoch + 1, highest_epoch + 1, now_ms), members)


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
            "format": FORMAT,
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
            sender=Member(read_name(raw["name"]), read_name(raw["address"])),
            incarnation=read_integer(raw["incarnation"], high=EPOCH_MAX),
            view=View(read_epoch(raw["epoch"]), _read_members(raw["members"])),
            serving=raw["serving"] is True,
            in_flight={
                FunctionRef(read_name(namespace), read_name(name)): read_integer(count)
                for namespace, name, count, *_ in raw["inFlight"]
            },
            accounts={
                read_name(one): read_integer(count) for one, count in raw["accounts"].items()
            },
            format=read_integer(raw.get("format", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedHeartbeatError(f"not a heartbeat: {error!r}") from error


def read_epoch(value: Any) -> int:
    """An epoch that a gateway speaks of, cut to EPOCH_MAX: its view counts for nothing (M6).

    It is not refused: a gateway of the release before may have got it from a function pod, and
    whatever else it says still counts.
    """
    if type(value) is not int or value < 0:
        raise ValueError("not an epoch")
    return min(value, EPOCH_MAX)


def _read_members(value: Any) -> tuple[Member, ...]:
    members = tuple(Member(read_name(name), read_name(address)) for name, address, *_ in value)
    if len(members) > MEMBERS_MAX or list(members) != sorted(set(members)):
        raise ValueError("members are too many or out of order")
    return members
