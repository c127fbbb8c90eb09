"""Leadership by a Lease of the release's namespace, and the fence that every write asks.

Contract: one leader at a time. A leader that could not renew for 2/3 of the duration ends the
process (LeadershipLostError); one that was stopped and resumed finds its term over before its next
write (FencedError) and ends too. A leader that stops in good order hands the Lease back.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any

from kubelambda.core.election import (
    LeaseView,
    Sighting,
    Step,
    Term,
    decide_step,
    note_sighting,
    renew_deadline_s,
)
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    FencedError,
    KubeError,
    NotFoundError,
)
from kubelambda.kube.paths import LEASES

logger = logging.getLogger(__name__)

MANAGER = "kubelambda-elector"
_POLL_S_MAX = 2.0


class LeadershipLostError(Exception):
    """Somebody else may lead by now; this process must end."""


class Elector:
    """Competes for one Lease; ``client`` has no fence and no pace."""

    def __init__(
        self,
        client: KubeApi,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration_s: float,
        renew_s: float,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self._duration_s = duration_s
        self._renew_s = renew_s
        self._term = Term(renew_deadline_s(duration_s))
        self._sighting: Sighting | None = None
        self._lease: dict[str, Any] | None = None
        self.has_reached_api = False

    def check_fence(self) -> None:
        """Raise FencedError unless this process surely leads. Called from any thread."""
        if not self.is_leading:
            raise FencedError("the Lease was not renewed in time; nothing is written any more")

    @property
    def is_leading(self) -> bool:
        """True while nobody else can have taken the Lease."""
        return self._term.is_valid(_boot_time(), time.time())

    async def wait_for_leadership(self) -> None:
        """Return when this process leads; problems with the API server only delay it."""
        while True:
            try:
                if await self._try_to_lead():
                    logger.info("%s leads now", self.identity)
                    return
            except KubeError as error:
                logger.warning("cannot look at the Lease %s: %s", self._name, error)
            await asyncio.sleep(min(_POLL_S_MAX, self._renew_s))

    def lead_unopposed(self) -> None:
        """There is no election: the term never ends."""
        self._term = Term(float("inf"))
        self._term.renew(_boot_time(), time.time())
        self.has_reached_api = True

    async def keep_leadership(self) -> None:
        """Renew for ever; LeadershipLostError when that is over."""
        while True:
            await asyncio.sleep(self._renew_s)
            await self._renew_before_deadline()

    async def release(self) -> None:
        """Hand the Lease back, so that a standby need not wait for it to run out."""
        if self._lease is None or not self.is_leading:
            return
        self._term = Term(0.0)
        try:
            await self._write(self._lease, holder="")
        except KubeError as error:
            logger.warning("cannot hand back the Lease: %s", error)

    async def _renew_before_deadline(self) -> None:
        while True:
            if not self.is_leading:
                raise LeadershipLostError(f"{self.identity} could not renew in time")
            try:
                if await self._try_to_lead():
                    return
                raise LeadershipLostError("somebody else holds the Lease")
            except KubeError as error:
                logger.warning("cannot renew the Lease: %s", error)
            await asyncio.sleep(min(1.0, self._renew_s / 5))

    async def _try_to_lead(self) -> bool:
        boot, wall = _boot_time(), time.time()
        lease = await self._read()
        view = _view(lease)
        self.has_reached_api = True
        if view is not None:
            self._sighting = note_sighting(self._sighting, view, boot)
        step = decide_step(
            view,
            self._sighting,
            identity=self.identity,
            duration_s=self._duration_s,
            now=boot,
        )
        if step is Step.WAIT:
            return False
        try:
            self._lease = await self._write(lease, holder=self.identity)
        except (ConflictError, AlreadyExistsError):
            logger.info("another process was quicker at the Lease")
            return False
        self._term.renew(boot, wall)
        return True

    async def _read(self) -> dict[str, Any] | None:
        try:
            return await self._client.get(LEASES, self._namespace, self._name)
        except NotFoundError:
            return None

    async def _write(self, lease: dict[str, Any] | None, *, holder: str) -> dict[str, Any]:
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        former = (lease or {}).get("spec") or {}
        changed = former.get("holderIdentity") != holder
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(self._duration_s)),
            "renewTime": moment,
            "acquireTime": moment if changed else former.get("acquireTime", moment),
            "leaseTransitions": former.get("leaseTransitions", 0) + (changed and bool(holder)),
        }
        manifest: dict[str, Any] = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        if lease is None:
            return await self._client.create(LEASES, self._namespace, manifest, manager=MANAGER)
        manifest["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"]
        return await self._client.replace(LEASES, self._namespace, manifest)


def _view(lease: dict[str, Any] | None) -> LeaseView | None:
    if lease is None:
        return None
    spec = lease.get("spec") or {}
    return LeaseView(
        holder=spec.get("holderIdentity") or "",
        version=lease["metadata"]["resourceVersion"],
        transitions=spec.get("leaseTransitions") or 0,
    )


def _boot_time() -> float:
    """Seconds that also pass while the process or the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
