"""Which gateways there are, and how all of them come to agree on it.

Contract: pure; time comes in. A view is a numbered list of members; its number is its epoch. Rules,
named in the tests:

- M1 of two views the one with the higher epoch counts. Of two with the same epoch their members
  decide, so that all gateways keep the same one.
- M2 only the leader makes a new view: the first by name of those that are alive and not leaving.
- M3 a new view has a higher epoch than any that its maker has heard of: from gateways, and from
  agents that bring a gateway's proof of it (``core.wire.frames.prove_epoch``). An epoch without a
  proof is ignored.
- M4 a gateway is alive for DEAD_S after its last heartbeat; one that is leaving or not ready to
  serve is not a member.
- M5 when a gateway falls silent, its invocations in flight count as running for UNHEARD_S more: its
  environments need that long to link themselves to the next owner.
- M6 an epoch more than EPOCH_AHEAD_MS ahead of the clock cannot come from a working gateway and
  counts for nothing. The leader makes its views below it. A gateway whose leader (of an older
  release) still sends such an epoch takes the members of that view under a number of its own.
- M7 a gateway that stood still for nearly DEAD_S may count as dead elsewhere. Until a round of
  heartbeats has told it, it begins no relayed event that must not run twice: the sender may have
  sent it to another gateway.

Versions (docs/formats.md): a heartbeat says in which format it was written. Unknown JSON fields are
ignored, in the object and at the end of its lists.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.core.coordination.ownership import choose_owner
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.checked_values import EPOCH_MAX, read_epoch, read_integer, read_name

DEAD_S = 3.0
UNHEARD_S = 5.0
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
        """The member that owns ``ref``; None while there is no view.

        All versions of a function belong to one member, which counts them together.
        """
        if not self.members:
            return None
        if len(self.members) == 1:
            return self.members[0]
        function = ref.function
        names = [member.name for member in self.members]
        name = choose_owner(function.namespace, function.name, names)
        return next(member for member in self.members if member.name == name)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a gateway sends to the others, twice a second and whenever its own state changes."""

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
    """Of the sender; 0 is the last release that did not send one."""


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
    """The view that counts (M1); one that is not credible loses to any other (M6)."""
    return max(
        own,
        other,
        key=lambda view: (is_credible(view.epoch, now_ms), view.epoch, view.members),
    )


def plan_view(
    own: Heartbeat, peers: Iterable[Peer], *, highest_epoch: int, now: float, now_ms: int
) -> View:
    """The view to hold from now on: ``own.view``, or a new one (M2, M3, M6).

    ``highest_epoch`` is the highest that was heard from anybody; ``now_ms`` (unix time) keeps
    epochs growing when all gateways restart at once.
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
        epoch if is_credible(epoch, now_ms) else 0 for epoch in (own.view.epoch, highest_epoch)
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
    """Invocations in flight at other gateways, silent ones included for a while (M5).

    ``read`` takes the count out of a heartbeat; ``heard`` is how many environments of silent
    gateways have linked themselves here since, and is subtracted.
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
    members = [[member.name, member.address] for member in heartbeat.view.members]
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
                read_name(account): read_integer(count)
                for account, count in raw["accounts"].items()
            },
            format=read_integer(raw.get("format", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedHeartbeatError(f"not a heartbeat: {error!r}") from error


def _read_members(value: Any) -> tuple[Member, ...]:
    members = tuple(Member(read_name(name), read_name(address)) for name, address, *_ in value)
    if len(members) > MEMBERS_MAX or list(members) != sorted(set(members)):
        raise ValueError("members are too many or out of order")
    return members
