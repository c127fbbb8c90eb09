"""Ports: protocols for what our components need from each other.

Contract: types only. A port has one conformance suite that all of its drivers pass; the fakes of
the tests are drivers too.
"""

from collections.abc import Callable
from typing import Protocol

from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.wire.demand import DemandReply, DemandReport


class Catalog(Protocol):
    """Which functions exist, as of the last good state."""

    synced: bool
    """Whether everything was listed once; before that a function may exist that is not found."""

    versions_synced: bool
    """The same for versions and aliases: before that one may exist that is not found."""

    def get(self, ref: FunctionRef) -> Function | None:
        """The function or published version at ``ref``."""
        ...

    def find(self, namespace: str, function_name: str) -> Function | None:
        """The function that AWS clients call ``function_name`` in ``namespace``."""
        ...

    def find_version(self, namespace: str, function_name: str, version: str) -> Function | None:
        """The published version of this number, or the function itself for $LATEST."""
        ...

    def find_alias(self, namespace: str, function_name: str, name: str) -> Alias | None:
        """The alias ``name`` of a function, wherever it points to."""
        ...

    def find_by_uid(self, uid: str) -> Function | None:
        """The function or published version whose object has this uid."""
        ...

    def was_deleted(self, uid: str, qualifier: str = "") -> bool:
        """Whether the deletion of this function was seen, or of a version or alias of it.

        ``uid`` is the function's. False does not prove that it still exists.
        """
        ...

    def namespace_of_account(self, account_id: str) -> str | None:
        """The namespace that ``account_id`` stands for."""
        ...

    def account_of_namespace(self, namespace: str) -> str:
        """The 12 digits of ``namespace``."""
        ...

    def subscribe(self, callback: Callable[[FunctionRef], None]) -> None:
        """Call ``callback`` on the loop when a function or version appears, changes or goes."""
        ...


class EventSink(Protocol):
    """Where a gateway puts asynchronous events: the publishing half of the port ``Queue``."""

    async def publish(self, event: QueuedEvent) -> None:
        """Return when ``event`` is durable; QueueUnavailableError if it is not."""
        ...


class DemandSink(Protocol):
    """Whoever starts environments: the controller on a cluster, local mode's own processes."""

    async def report(self, report: DemandReport) -> DemandReply:
        """Take note of the demand of one gateway; answer which idle environments may go.

        A reply without a sequence asks for whole reports (rule D1 of ``core.wire.demand``).
        """
        ...
