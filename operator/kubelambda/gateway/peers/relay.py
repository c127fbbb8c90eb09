"""One invocation on its way to the gateway that owns its function.

Contract: ends in one of three ways. The owner gives an outcome; or nobody can know what became of
the event (``Dropped``, which closes the caller's connection); or the owner gives no outcome, and
``on_failure`` is called, which sees by ``invocation.begun`` whether the event may be sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kubelambda.core.coordination.membership import Member
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.relay import VERSION, RelayRequest
from kubelambda.gateway.invocation import Invocation


@dataclass(frozen=True, slots=True)
class RelayFailure:
    """Why ``owner`` gave no outcome. ``unreachable``: that gateway may be dead."""

    owner: Member
    reason: str
    unreachable: bool


OnFailure = Callable[[RelayFailure], None]


class Closable(Protocol):
    """The connection, or the stream of one, that a relay uses."""

    def close(self) -> None:
        """End it at once."""
        ...


class Relay:
    """One invocation on its way to its owner; ``epoch`` is of the view that names the owner."""

    __slots__ = ("connection", "epoch", "invocation", "on_failure", "owner", "version")

    def __init__(
        self, invocation: Invocation, owner: Member, epoch: int, on_failure: OnFailure
    ) -> None:
        self.invocation = invocation
        self.owner = owner
        self.epoch = epoch
        self.on_failure = on_failure
        self.version = VERSION
        """Of the older form's metadata."""
        self.connection: Closable | None = None

    def describe(self) -> RelayRequest:
        """Everything that the owner has to know, except the payload."""
        invocation = self.invocation
        return RelayRequest(
            request_id=invocation.request_id,
            namespace=invocation.function.ref.namespace,
            function_name=invocation.function.function_name,
            function_uid=invocation.function.owner_uid,
            qualifier=invocation.qualifier,
            trace_id=invocation.trace_id,
            client_context=invocation.client_context,
            function_version=invocation.function.version,
            wants_tail=invocation.wants_tail,
            may_repeat=invocation.may_repeat,
            stream=invocation.stream is not None,
            epoch=self.epoch,
            hops=invocation.hops + 1,
        )

    def finish(self, outcome: Outcome | ApiError | Dropped) -> None:
        """The owner has answered, or nobody can know what became of the event (Dropped)."""
        self.invocation.on_abandoned = None
        self.invocation.finish(outcome)
        self.invocation.release()

    def fail(self, reason: str, *, unreachable: bool) -> None:
        """There will be no outcome from this owner."""
        if not self.invocation.answered:
            self.invocation.on_abandoned = None
            self.on_failure(RelayFailure(self.owner, reason, unreachable))

    def abandon(self) -> None:
        """The caller has gone: end the relay."""
        self.invocation.answered = True
        if self.connection is not None:
            self.connection.close()
