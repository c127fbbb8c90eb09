"""The parts that act upon applied objects, joined: records, work queue, reconcilers, workers.

Contract: fed with every change of an object (``note``), and told whenever what is served has been
brought up to date (``note_loaded``). ``run`` does the work until it is cancelled.
"""

import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry

from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.kinds import KIND_OF
from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.function_statuses import FunctionStatuses
from kubelambda.controller.process.work_queue import WorkQueue
from kubelambda.controller.process.workers import WorkerMetrics, Workers
from kubelambda.controller.records.keys import Key, WorkKey, serving_key
from kubelambda.controller.versions.auto_publisher import AutoPublisher
from kubelambda.controller.versions.lambda_alias import AliasReconciler
from kubelambda.controller.versions.lambda_version import VersionReconciler
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.kube.paths import ALIASES, FUNCTIONS, VERSIONS, resource_of
from kubelambda.local.control.local_functions import LocalFunctions
from kubelambda.local.control.store_writes import StoreWrites
from kubelambda.objects.port import Change, Manifest, Objects

_FOLLOWED = frozenset(resource.kind for resource in (FUNCTIONS, VERSIONS, ALIASES))


class LocalController:
    """Publishes versions and writes statuses of what is in ``objects``."""

    def __init__(
        self, objects: Objects, region: str, find: Callable[[FunctionRef], Function | None]
    ) -> None:
        self._queue: WorkQueue[WorkKey] = WorkQueue()
        self._loaded: Mapping[str, int] = {}
        self._problems: Mapping[Key, str] = {}
        self._store = Store()
        self._intake = Intake(self._store, self._queue.add)
        client = StoreWrites(objects)
        statuses = FunctionStatuses(
            client, self._store, region, time.time, self._intake.enqueue_publication
        )
        functions = LocalFunctions(
            self._store,
            statuses,
            find,
            lambda key: self._problems.get(key, ""),
            lambda uid, generation: self._loaded.get(uid) == generation,
        )
        versions = VersionReconciler(
            client, self._store, self._intake, functions, region, time.time
        )
        self._workers = Workers(
            self._queue,
            {
                "function": functions.reconcile,
                "version": versions.reconcile,
                "publish": AutoPublisher(client, self._store, self._intake).reconcile,
                "alias": AliasReconciler(client, self._store, region, time.time).reconcile,
            },
            WorkerMetrics(CollectorRegistry(), self._queue),
        )

    async def run(self) -> None:
        """Work until cancelled."""
        await self._workers.run()

    def note(self, change: Change, manifest: Manifest) -> None:
        """An object was made, changed or deleted."""
        if manifest["kind"] not in _FOLLOWED:
            return
        plural = resource_of(manifest["kind"]).plural
        if change == "DELETED":
            self._intake.drop(plural, manifest)
        elif self._intake.take(plural, manifest):
            self._intake.enqueue_affected(plural, manifest)

    def note_loaded(self, generations: Mapping[str, int], problems: Mapping[Key, str]) -> None:
        """What is served is that of these generations, by uid; ``problems`` say what is not."""
        self._loaded, self._problems = generations, problems
        for resource in (FUNCTIONS, VERSIONS):
            for key in KIND_OF[resource.plural].table(self._store).list_keys():
                self._queue.add(serving_key(*key))
