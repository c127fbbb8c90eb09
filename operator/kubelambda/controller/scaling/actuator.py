"""Carries out what the scaler has decided for one function.

Contract: Deployments come first, since what is taken from a Deployment's replicas must be gone
before it is made as direct pods; then direct pods, draining marks, deletions, and the lower CPU
limit after init. A refusal by the API server is remembered in ``StartBackoff``; any other failure
ends this attempt, and the next evaluation starts from what exists then. A pod whose creation was
not answered may exist all the same: nothing is started for UNSURE_S; the watch shows it by then.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.cpu_size import compute_share_millis
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.function.render import Rendered
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.scaling.cold_start_metrics import ColdStartMetrics
from kubelambda.controller.scaling.decision import Decision, list_to_resize
from kubelambda.controller.scaling.pod_writer import PodWriter
from kubelambda.controller.scaling.snapshots import FunctionSnapshot
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.kube.errors import ForbiddenError, InvalidError, KubeError

logger = logging.getLogger(__name__)

UNSURE_S = 2.0
RESTING_S = 1.0
"""The pause after any other failed request, so that a failing API server is not asked in a loop."""


class Actuator:
    """Carries out any number of decisions side by side, at most one for each function."""

    def __init__(
        self,
        store: Store,
        revisions: CurrentRevisions,
        key_secrets: KeySecrets,
        writer: PodWriter,
        start_backoff: StartBackoff,
        cold_starts: ColdStartMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._key_secrets = key_secrets
        self._writer = writer
        self._start_backoff = start_backoff
        self._cold_starts = cold_starts
        self._clock = clock
        self._resting_until: dict[str, float] = {}

    def is_resting(self, uid: str, now: float) -> bool:
        """Whether the function with this uid is left alone for the moment."""
        if now < self._resting_until.get(uid, now):
            return True
        self._resting_until.pop(uid, None)
        return False

    def forget(self, functions: set[str], pods: set[str]) -> None:
        """Drop what is kept of all other functions and pods; both sets hold uids."""
        self._writer.forget_pods(pods)
        for uid in self._resting_until.keys() - functions:
            del self._resting_until[uid]

    def _rest(self, snapshot: FunctionSnapshot, seconds: float) -> None:
        """Leave the function alone for ``seconds`` from now, or for longer if it is already."""
        until = self._clock() + seconds
        self._resting_until[snapshot.record.uid] = max(
            until, self._resting_until.get(snapshot.record.uid, until)
        )

    async def carry_out(
        self, decision: Decision, now: float, mark_deleted: Callable[[PodRecord], None]
    ) -> bool:
        """False if an object has changed meanwhile, so that another decision is due soon."""
        snapshot = decision.snapshot
        try:
            if not await self._scale(decision, now):
                return False
            await self._make_direct(decision, now)
            await self._mark(snapshot, (*decision.plan.drain, *decision.victims))
            is_current = await self._delete(decision, mark_deleted)
            share = compute_share_millis(snapshot.record.memory_mb)
            for pod in list_to_resize(snapshot):
                await self._writer.resize_cpu(pod, share)
        except KubeError as error:
            logger.warning(
                "%s: scaling failed: %s; next look in a second", snapshot.record.ref, error
            )
            self._rest(snapshot, RESTING_S)
        except Exception:
            # A bug with one function must not stop the others.
            logger.exception("%s: a bug in scaling; next look in a second", snapshot.record.ref)
            self._rest(snapshot, RESTING_S)
        else:
            return is_current
        return True

    async def _scale(self, decision: Decision, now: float) -> bool:
        snapshot = decision.snapshot
        targets = dict(decision.plan.replicas)
        if decision.target is not None:
            targets[snapshot.revision] = decision.target
        for deployment in self._store.deployments.group(snapshot.record.uid):
            target = targets.pop(deployment.revision, deployment.replicas)
            if target > deployment.replicas:
                await self._secure_key(snapshot)
            if target != deployment.replicas and not await self._writer.scale(deployment, target):
                return False
            if target > deployment.replicas:
                self._cold_starts.raised(snapshot, now, self._clock())
        if targets.get(snapshot.revision, 0) > 0:
            return await self._create_deployment(snapshot, targets[snapshot.revision], now)
        return True

    async def _create_deployment(
        self, snapshot: FunctionSnapshot, replicas: int, now: float
    ) -> bool:
        rendered = self._find_rendered(snapshot)
        if rendered is None:
            return False
        try:
            await asyncio.gather(
                self._secure_key(snapshot),
                self._writer.create_deployment(rendered.deployment, replicas),
            )
        except (ForbiddenError, InvalidError) as error:
            self._refuse(snapshot, error, now)
        else:
            self._cold_starts.raised(snapshot, now, self._clock())
        return True

    async def _make_direct(self, decision: Decision, now: float) -> None:
        snapshot = decision.snapshot
        rendered = self._find_rendered(snapshot) if decision.direct else None
        if rendered is None:
            return
        # The first one alone: what the API server refuses it refuses for all of them.
        for count in (1, decision.direct - 1):
            made = await asyncio.gather(
                *(self._writer.create_pod(rendered.pod) for _ in range(count)),
                *([self._secure_key(snapshot)] if count else []),
                return_exceptions=True,
            )
            failure = next((result for result in made if isinstance(result, BaseException)), None)
            pods = [result for result in made if isinstance(result, PodRecord)]
            self._cold_starts.made(snapshot, pods, now, self._clock())
            if isinstance(failure, ForbiddenError | InvalidError):
                self._refuse(snapshot, failure, now)
                return
            if failure is not None:
                self._rest(snapshot, UNSURE_S)
                raise failure
        self._start_backoff.accepted(snapshot.record)

    def _refuse(self, snapshot: FunctionSnapshot, error: KubeError, now: float) -> None:
        if error.is_of_ending_namespace:
            self._rest(snapshot, RESTING_S)
            return
        logger.warning("%s: %s", snapshot.record.ref, error.message)
        self._start_backoff.refused(snapshot.record, error.message, now)

    async def _secure_key(self, snapshot: FunctionSnapshot) -> None:
        """Create the key Secret before a first environment: somebody may have deleted it."""
        rendered = self._find_rendered(snapshot)
        if rendered is not None and not any(load.is_good for load in snapshot.load.pods):
            await self._key_secrets.ensure(snapshot.record.ref.namespace, rendered)

    def _find_rendered(self, snapshot: FunctionSnapshot) -> Rendered | None:
        """None if the function has changed since the snapshot, or has no manifests yet."""
        rendered = self._revisions.find(snapshot.record.uid)
        return rendered if rendered and rendered.revision == snapshot.revision else None

    async def _mark(self, snapshot: FunctionSnapshot, names: Sequence[str]) -> None:
        await asyncio.gather(
            *(self._writer.mark_victim(pod) for pod in self._pods(snapshot, names))
        )

    async def _delete(self, decision: Decision, mark_deleted: Callable[[PodRecord], None]) -> bool:
        snapshot, plan = decision.snapshot, decision.plan
        dead = self._pods(snapshot, plan.delete)
        for pod in dead:
            why = pod.exit or pod.ended or "it has left"
            logger.info("%s: %s is over (%s); deleting it", snapshot.record.ref, pod.key[1], why)
        await asyncio.gather(*(self._writer.delete(pod) for pod in dead))
        withdrawn = self._pods(snapshot, plan.withdraw)
        went = await asyncio.gather(*(self._writer.withdraw(pod) for pod in withdrawn))
        for pod in (*dead, *(pod for pod, gone in zip(withdrawn, went, strict=True) if gone)):
            mark_deleted(pod)
        return all(went)

    def _pods(self, snapshot: FunctionSnapshot, names: Sequence[str]) -> list[PodRecord]:
        """As the snapshot has them, so that a pod which has changed since is left alone."""
        wanted = set(names)
        return [pod for pod, load in snapshot.pods if load.name in wanted]
