"""Carries out what the scaler has decided for one function.

Contract: replicas first, since what is taken from a Deployment must be gone before it is made
directly; then pods, victims, deletions, and the resize after init. What the API server refuses for
good is remembered in ``Starts``; anything else ends this attempt, and the next look starts from
what is there. A pod whose creation was not answered may exist: nothing is started for UNSURE_S, by
when the watch has told.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.function.render import Rendered, compute_share_millis
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.scaling.cold_starts import ColdStarts
from kubelambda.controller.scaling.loads import Look
from kubelambda.controller.scaling.pod_writer import PodWriter
from kubelambda.controller.scaling.starts import Starts
from kubelambda.core.capacity.scaling import ScalingPlan
from kubelambda.kube.errors import ForbiddenError, InvalidError, KubeError

logger = logging.getLogger(__name__)

UNSURE_S = 2.0
RESTING_S = 1.0
"""After a request that failed in another way; else a server in trouble is asked without end."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen to one function now."""

    look: Look
    plan: ScalingPlan
    victims: tuple[str, ...] = ()
    """Idle environments that make room for others."""
    target: int | None = None
    """Replicas of the current revision's Deployment; None: as they are."""
    direct: int = 0
    """Direct pods to be made."""

    def with_start(self, target: int | None, direct: int) -> "Decision":
        """With the start split between the Deployment and direct pods."""
        return replace(self, target=target, direct=direct)

    def limit_direct(self, granted: int) -> "Decision":
        """With no more direct pods than that."""
        return replace(self, direct=min(self.direct, granted))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        plan = self.plan
        return not (
            plan.replicas
            or plan.drain
            or plan.delete
            or plan.withdraw
            or self.victims
            or self.target is not None
            or self.direct
            or list_to_resize(self.look)
        )


def list_to_resize(look: Look) -> list[PodRecord]:
    """Pods that have done their init and still have the CPU limit for it."""
    share = compute_share_millis(look.record.memory_mb)
    return [
        pod
        for pod, load in look.pods
        if load.state in ("idle", "busy")
        and load.usable
        and pod.cpu_limit_millis > share
        and not pod.terminating
    ]


class ScalingHand:
    """Writes for one function at a time; several of them side by side."""

    def __init__(
        self,
        store: Store,
        revisions: CurrentRevisions,
        key_secrets: KeySecrets,
        writer: PodWriter,
        starts: Starts,
        cold_starts: ColdStarts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._key_secrets = key_secrets
        self._writer = writer
        self._starts = starts
        self._cold_starts = cold_starts
        self._clock = clock
        self._resting_until: dict[str, float] = {}

    def is_resting(self, uid: str, now: float) -> bool:
        """Whether nothing is to be done for the function with this uid for a moment."""
        if now < self._resting_until.get(uid, now):
            return True
        self._resting_until.pop(uid, None)
        return False

    def forget(self, functions: set[str], pods: set[str]) -> None:
        """Keep nothing about what is gone; both hold uids."""
        self._writer.forget_pods(pods)
        for uid in self._resting_until.keys() - functions:
            del self._resting_until[uid]

    def _rest(self, look: Look, seconds: float) -> None:
        """From now on, however long the request took; never for less than it rests already."""
        until = self._clock() + seconds
        self._resting_until[look.record.uid] = max(
            until, self._resting_until.get(look.record.uid, until)
        )

    async def carry_out(
        self, decision: Decision, now: float, mark_deleted: Callable[[PodRecord], None]
    ) -> bool:
        """False where something has changed meanwhile: look again soon."""
        look = decision.look
        try:
            if not await self._scale(decision, now):
                return False
            await self._make_direct(decision, now)
            await self._mark(look, (*decision.plan.drain, *decision.victims))
            is_current = await self._delete(decision, mark_deleted)
            share = compute_share_millis(look.record.memory_mb)
            for pod in list_to_resize(look):
                await self._writer.resize_cpu(pod, share)
        except KubeError as error:
            logger.warning("%s: scaling failed: %s; next look in a second", look.record.ref, error)
            self._rest(look, RESTING_S)
        except Exception:
            # A bug with one function must not stop the others.
            logger.exception("%s: a bug in scaling; next look in a second", look.record.ref)
            self._rest(look, RESTING_S)
        else:
            return is_current
        return True

    async def _scale(self, decision: Decision, now: float) -> bool:
        look = decision.look
        targets = dict(decision.plan.replicas)
        if decision.target is not None:
            targets[look.revision] = decision.target
        for deployment in self._store.deployments.group(look.record.uid):
            target = targets.pop(deployment.revision, deployment.replicas)
            if target > deployment.replicas:
                await self._secure_key(look)
            if target != deployment.replicas and not await self._writer.scale(deployment, target):
                return False
            if target > deployment.replicas:
                self._cold_starts.raised(look, now, self._clock())
        if targets.get(look.revision, 0) > 0:
            return await self._create_deployment(look, targets[look.revision], now)
        return True

    async def _create_deployment(self, look: Look, replicas: int, now: float) -> bool:
        rendered = self._find_rendered(look)
        if rendered is None:
            return False
        try:
            await asyncio.gather(
                self._secure_key(look),
                self._writer.create_deployment(rendered.deployment, replicas),
            )
        except (ForbiddenError, InvalidError) as error:
            self._refuse(look, error, now)
        else:
            self._cold_starts.raised(look, now, self._clock())
        return True

    async def _make_direct(self, decision: Decision, now: float) -> None:
        look = decision.look
        rendered = self._find_rendered(look) if decision.direct else None
        if rendered is None:
            return
        # The first one alone: what the API server refuses it refuses for all of them.
        for count in (1, decision.direct - 1):
            made = await asyncio.gather(
                *(self._writer.create_pod(rendered.pod) for _ in range(count)),
                *([self._secure_key(look)] if count else []),
                return_exceptions=True,
            )
            failure = next((one for one in made if isinstance(one, BaseException)), None)
            pods = [one for one in made if isinstance(one, PodRecord)]
            self._cold_starts.made(look, pods, now, self._clock())
            if isinstance(failure, ForbiddenError | InvalidError):
                self._refuse(look, failure, now)
                return
            if failure is not None:
                self._rest(look, UNSURE_S)
                raise failure
        self._starts.accepted(look.record)

    def _refuse(self, look: Look, error: KubeError, now: float) -> None:
        if error.is_of_ending_namespace:
            self._rest(look, RESTING_S)
            return
        logger.warning("%s: %s", look.record.ref, error.message)
        self._starts.refused(look.record, error.message, now)

    async def _secure_key(self, look: Look) -> None:
        """Where a function gets its first environment: its Secret may have been deleted."""
        rendered = self._find_rendered(look)
        if rendered is not None and not any(load.is_good for load in look.load.pods):
            await self._key_secrets.ensure(look.record.ref.namespace, rendered)

    def _find_rendered(self, look: Look) -> Rendered | None:
        """None where the function has changed since the look, or was not judged yet."""
        rendered = self._revisions.find(look.record.uid)
        return rendered if rendered and rendered.revision == look.revision else None

    async def _mark(self, look: Look, names: Sequence[str]) -> None:
        await asyncio.gather(*(self._writer.mark_victim(pod) for pod in self._pods(look, names)))

    async def _delete(self, decision: Decision, mark_deleted: Callable[[PodRecord], None]) -> bool:
        look, plan = decision.look, decision.plan
        dead = self._pods(look, plan.delete)
        for pod in dead:
            why = pod.exit or pod.ended or "it has left"
            logger.info("%s: %s is over (%s); deleting it", look.record.ref, pod.key[1], why)
        await asyncio.gather(*(self._writer.delete(pod) for pod in dead))
        withdrawn = self._pods(look, plan.withdraw)
        went = await asyncio.gather(*(self._writer.withdraw(pod) for pod in withdrawn))
        for pod in (*dead, *(pod for pod, gone in zip(withdrawn, went, strict=True) if gone)):
            mark_deleted(pod)
        return all(went)

    def _pods(self, look: Look, names: Sequence[str]) -> list[PodRecord]:
        """As they were when it was decided: a newer version must not be meant."""
        wanted = set(names)
        return [pod for pod, load in look.pods if load.name in wanted]
