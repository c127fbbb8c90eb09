"""Leader election by a Lease in the release's namespace, and the fence that every write asks.

Contract: one leader at a time. A leader that could not renew for 3/4 of the Lease's duration gets a
LeadershipLostError, even while its request hangs, and the process ends. One that was stopped and
resumed finds its term over before its next write (FencedError), and ends too. A leader that stops
in good order hands the Lease back.
"""

import asyncio
import logging
from collections.abc import Awaitable

from kubelambda.controller.process.election_settings import (
    SYSTEM_CLOCK,
    ElectionClock,
    ElectionSettings,
)
from kubelambda.controller.process.lease_lock import LeaseLock, view_lease
from kubelambda.core.coordination.election import (
    Sighting,
    Step,
    Term,
    compute_wait_s,
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
)

logger = logging.getLogger(__name__)

UNREACHED_S = 30.0
"""A controller that has had no answer from the API server for so long is not Ready."""
_POLL_S_MAX = 0.5
_RETRY_S_MAX = 0.5
_RELEASE_TRIES = 2


class LeadershipLostError(Exception):
    """Somebody else may lead by now; this process must end."""


class Elector:
    """Competes for one Lease; ``client`` has no fence and no rate limit."""

    def __init__(
        self, client: KubeApi, election: ElectionSettings, clock: ElectionClock = SYSTEM_CLOCK
    ) -> None:
        self._lock = LeaseLock(client, election, clock)
        self._election = election
        self._clock = clock
        self.identity = election.identity
        self._term = Term(renew_deadline_s(election.duration_s))
        self._sighting: Sighting | None = None
        self._is_unopposed = False

    def check_fence(self) -> None:
        """Raise FencedError unless this process surely leads. Called from any thread."""
        if not self.is_leading:
            raise FencedError("the Lease was not renewed in time; nothing is written any more")

    @property
    def is_leading(self) -> bool:
        """True while no other process can have taken the Lease."""
        return self._term.is_valid(self._clock.boot(), self._clock.wall())

    def check_ready(self) -> str:
        """Empty while the API server answers, so that this process leads or could lead."""
        if self._is_unopposed:
            return ""
        if self._lock.reached_at is None:
            return "the API server was never reached"
        silent_s = self._clock.boot() - self._lock.reached_at
        return f"the API server was not reached for {silent_s:.0f} s" * (silent_s > UNREACHED_S)

    async def wait_for_leadership(self) -> None:
        """Return when this process leads; problems with the API server only delay it."""
        while True:
            try:
                if await self._try_to_lead():
                    logger.info("%s leads now", self.identity)
                    return
            except (ConflictError, AlreadyExistsError):
                logger.info("another process was quicker at the Lease")
            except KubeError as error:
                logger.warning("cannot look at the Lease %s: %s", self._election.name, error)
            await self._clock.sleep(self._choose_poll_s())

    def lead_unopposed(self) -> None:
        """Lead without an election: the term never ends."""
        self._term = Term(float("inf"))
        self._term.renew(self._clock.boot(), self._clock.wall())
        self._is_unopposed = True

    async def keep_leadership(self) -> None:
        """Renew for ever; LeadershipLostError when this process may lead no longer."""
        while True:
            await self._clock.sleep(self._election.renew_s)
            await self._renew_before_deadline()

    async def release(self) -> None:
        """Hand the Lease back, so that a standby need not wait for it to expire."""
        if not self.is_leading:
            return
        self._term = Term(0.0)
        for _ in range(_RELEASE_TRIES):
            try:
                lease = await self._lock.read()
                if lease is not None and view_lease(lease).holder == self.identity:
                    await self._lock.write(lease, holder="")
            except ConflictError:
                continue  # a renewal of ours was on its way
            except KubeError as error:
                logger.warning("cannot hand back the Lease: %s", error)
            return

    def _choose_poll_s(self) -> float:
        """The usual pause, or less if the Lease expires sooner."""
        now, duration_s = self._clock.boot(), self._election.duration_s
        wait_s = compute_wait_s(self._sighting, duration_s=duration_s, now=now)
        poll_s = min(_POLL_S_MAX, self._election.renew_s)
        return min(poll_s, wait_s) if wait_s > 0 else poll_s

    async def _renew_before_deadline(self) -> None:
        while self.is_leading:
            try:
                if not await self._within_term(self._try_to_lead()):
                    raise LeadershipLostError("somebody else holds the Lease")
            except KubeError as error:
                logger.warning("cannot renew the Lease: %s", error)
                await self._clock.sleep(min(_RETRY_S_MAX, self._election.renew_s / 5))
            else:
                return
        raise LeadershipLostError(f"{self.identity} could not renew in time")

    async def _within_term(self, attempt: Awaitable[bool]) -> bool:
        """The result of ``attempt``; LeadershipLostError if it takes longer than this term."""
        remaining_s = self._term.remaining_s(self._clock.boot())
        trying = asyncio.ensure_future(attempt)
        waiting = asyncio.ensure_future(self._clock.sleep(remaining_s))
        try:
            await asyncio.wait([trying, waiting], return_when=asyncio.FIRST_COMPLETED)
            if trying.done():
                return trying.result()
        finally:
            trying.cancel()
            waiting.cancel()
        raise LeadershipLostError("the API server did not answer a renewal in time")

    async def _try_to_lead(self) -> bool:
        """Take or renew the Lease if that is due; False if somebody else holds it.

        ConflictError or AlreadyExistsError if it was written between our read and our write,
        which does not say by whom.
        """
        asked_boot, asked_wall = self._clock.boot(), self._clock.wall()
        lease = await self._lock.read()
        # What was read counts as seen only now: the answer may have taken longer than the Lease
        # lasts. Our own term counts from before the request, for the same reason.
        seen = self._clock.boot()
        view = None if lease is None else view_lease(lease)
        self._sighting = note_sighting(self._sighting, view, seen)
        step = decide_step(
            view,
            self._sighting,
            identity=self.identity,
            duration_s=self._election.duration_s,
            now=seen,
        )
        if step is Step.WAIT:
            return False
        if step is not Step.RENEW or not self._lock.has_owner:
            await self._lock.find_owner()
        await self._lock.write(lease, holder=self.identity)
        self._term.renew(asked_boot, asked_wall)
        return True
