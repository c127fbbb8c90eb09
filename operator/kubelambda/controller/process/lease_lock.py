"""The Lease itself: read, built and written.

Contract: a write carries the resourceVersion that was read, so that of two processes that write at
once one gets a ConflictError (AlreadyExistsError if both create it). The Lease has the
controllers' Deployment as its owner and is deleted together with it. The fields are those that
client-go's LeaseLock writes.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from kubelambda.controller.process.election_settings import ElectionClock, ElectionSettings
from kubelambda.core.coordination.election import LeaseView
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError, NotFoundError
from kubelambda.kube.paths import DEPLOYMENTS, LEASES

logger = logging.getLogger(__name__)

MANAGER = "kubelambda-elector"


class LeaseLock:
    """One Lease; ``client`` has no fence and no rate limit."""

    def __init__(self, client: KubeApi, election: ElectionSettings, clock: ElectionClock) -> None:
        self._client = client
        self._election = election
        self._clock = clock
        self._owner_reference: dict[str, Any] | None = None
        self.reached_at: float | None = None
        """When the API server last answered a read, by the clock ``boot``; None: never."""

    @property
    def has_owner(self) -> bool:
        """Whether the owner's uid is known."""
        return self._owner_reference is not None

    async def read(self) -> dict[str, Any] | None:
        """The Lease as it is now; None if there is none."""
        try:
            lease = await self._client.get(LEASES, self._election.namespace, self._election.name)
        except NotFoundError:
            lease = None
        self.reached_at = self._clock.boot()
        return lease

    async def find_owner(self) -> None:
        """Look up the owner's uid. Without it the Lease outlives an uninstall: harmless."""
        if not self._election.owner:
            return
        try:
            found = await self._client.get(
                DEPLOYMENTS, self._election.namespace, self._election.owner
            )
        except KubeError as error:
            logger.warning("cannot read the owner of the Lease: %s", error)
            return
        self._owner_reference = {
            "apiVersion": DEPLOYMENTS.api_version,
            "kind": DEPLOYMENTS.kind,
            "name": self._election.owner,
            "uid": found["metadata"]["uid"],
        }

    async def write(self, lease: dict[str, Any] | None, *, holder: str) -> None:
        """Create the Lease, or replace ``lease``; an empty ``holder`` makes it free."""
        manifest = self._build_lease(lease, holder)
        if lease is None:
            await self._client.create(LEASES, self._election.namespace, manifest, manager=MANAGER)
            return
        manifest["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"]
        await self._client.replace(LEASES, self._election.namespace, manifest)

    def _build_lease(self, former_lease: dict[str, Any] | None, holder: str) -> dict[str, Any]:
        moment = _format_time(self._clock.wall())
        former = (former_lease or {}).get("spec") or {}
        changed = former.get("holderIdentity") != holder
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(self._election.duration_s)),
            "renewTime": moment,
            "acquireTime": moment if changed else former.get("acquireTime", moment),
            "leaseTransitions": former.get("leaseTransitions", 0) + (changed and bool(holder)),
        }
        metadata: dict[str, Any] = {
            "name": self._election.name,
            "namespace": self._election.namespace,
        }
        if self._owner_reference is not None:
            metadata["ownerReferences"] = [self._owner_reference]
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": metadata,
            "spec": spec,
        }


def _format_time(wall: float) -> str:
    moment = datetime.fromtimestamp(wall, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def view_lease(lease: dict[str, Any]) -> LeaseView:
    """The fields of a Lease that decisions look at."""
    spec = lease.get("spec") or {}
    return LeaseView(
        holder=spec.get("holderIdentity") or "",
        version=lease["metadata"]["resourceVersion"],
        transitions=spec.get("leaseTransitions") or 0,
    )
