"""Everything that runs only while this process leads.

Contract: ``lead`` returns after a stop and raises for everything else; the first part to end ends
all. ``hand_over`` comes after a stop in good order.
"""

import asyncio
import logging
import platform
import signal
import time
from collections.abc import Coroutine
from typing import Any

import kopf
from prometheus_client import CollectorRegistry

from kubelambda.config import ControllerSettings
from kubelambda.controller.demand_server import DemandServer
from kubelambda.controller.elector import Elector
from kubelambda.controller.image_resolver import resolve_image
from kubelambda.controller.images import Images
from kubelambda.controller.key_secrets import KeySecrets
from kubelambda.controller.lambda_function import FunctionReconciler
from kubelambda.controller.lambda_layer import LayerReconciler
from kubelambda.controller.leader_label import claim_leader_label, drop_leader_label
from kubelambda.controller.network_policy import PolicyReconciler
from kubelambda.controller.package_lookup import HttpPackageLookup
from kubelambda.controller.packages import Packages
from kubelambda.controller.pod_writer import PodWriter
from kubelambda.controller.render import Platform
from kubelambda.controller.renderings import Renderings
from kubelambda.controller.resync import Resync
from kubelambda.controller.runtimes import RuntimesFromConfigMap
from kubelambda.controller.scaler import Scaler
from kubelambda.controller.store import Store
from kubelambda.controller.sync import enqueue_all, fill_store
from kubelambda.controller.watch import (
    Intake,
    WorkKey,
    build_kopf_registry,
    build_kopf_settings,
    function_key,
)
from kubelambda.controller.work_queue import WorkQueue
from kubelambda.controller.workers import WorkerMetrics, Workers
from kubelambda.core.demand import INTERNAL_KEY_INFO
from kubelambda.core.keys import derive_key
from kubelambda.core.pace import TokenBucket
from kubelambda.kube.client import KubeClient, RequestCounter
from kubelambda.kube.connection import load_configuration
from kubelambda.kube.paths import DEPLOYMENTS, NETWORK_POLICIES, PODS
from kubelambda.kube.resources.network_policy import NetworkRules

logger = logging.getLogger(__name__)

REQUESTS_PER_S = 200.0
REQUESTS_BURST = 400.0
STUCK_S = 120.0
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""This machine's name for what registries call otherwise; nodes are taken to be like it."""


class Leader:
    """The parts of a leading controller, assembled once."""

    def __init__(
        self,
        settings: ControllerSettings,
        master_secret: bytes,
        rules: NetworkRules,
        registry: CollectorRegistry,
        counter: RequestCounter,
        elector: Elector,
    ) -> None:
        self._settings = settings
        self._elector = elector
        self._client = KubeClient(
            load_configuration(),
            counter,
            fence=elector.check_fence,
            bucket=TokenBucket(REQUESTS_PER_S, REQUESTS_BURST),
        )
        self._store = Store()
        self._queue: WorkQueue[WorkKey] = WorkQueue()
        self._intake = Intake(self._store, self._queue.add)
        shared = Platform(settings, master_secret)
        self._renderings = Renderings(shared)
        self._key_secrets = KeySecrets(self._client, time.monotonic)
        lookup = HttpPackageLookup(settings.gateway_address, master_secret)
        self._packages = Packages(lookup.ask, self._queue.add, time.monotonic)
        self._workers = Workers(
            self._queue,
            FunctionReconciler(
                self._client,
                self._store,
                shared,
                self._build_images(),
                self._packages,
                time.time,
                self._renderings,
                self._key_secrets,
            ),
            LayerReconciler(self._client, self._store, self._packages, settings.region, time.time),
            PolicyReconciler(self._client, self._store, rules),
            WorkerMetrics(registry, self._queue),
        )
        self._scaler = Scaler(self._store, PodWriter(self._client, self._store, registry), settings)
        self._demand = DemandServer(
            derive_key(master_secret, INTERNAL_KEY_INFO),
            self._scaler.take_report,
            port=settings.demand_port,
        )

    def check_live(self) -> str:
        """Empty while work is taken; a loop that stands still answers nothing at all."""
        return self._workers.check_progress(STUCK_S)

    async def lead(self, stop: asyncio.Event) -> None:
        """Reconcile and scale until ``stop``; raises what ended it otherwise."""
        await claim_leader_label(self._client, self._settings.namespace, self._settings.pod_name)
        await self._demand.start()
        parts: list[Coroutine[Any, Any, None]] = [
            self._workers.run(),
            self._scaler.run(),
            self._packages.run(),
            self._resync().run(),
        ]
        if self._settings.leader_election:
            parts.append(self._elector.keep_leadership())
        if self._settings.runtimes_config_map:
            runtimes = self._runtimes()
            await runtimes.refresh()
            parts.append(runtimes.run())
        kopf_started = asyncio.Event()
        tasks = [asyncio.create_task(part) for part in (*parts, _wait(stop))]
        tasks.append(asyncio.create_task(_keep_signals(kopf_started, stop)))
        tasks.append(asyncio.create_task(self._watch(kopf_started), name="kopf"))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._demand.close()
        for task in done:
            task.result()

    async def hand_over(self) -> None:
        """Let a standby lead at once."""
        await drop_leader_label(self._client, self._settings.namespace, self._settings.pod_name)
        if self._settings.leader_election:
            await self._elector.release()
        self._client.close()

    async def _watch(self, started: asyncio.Event) -> None:
        settings = self._settings
        await fill_store(
            self._client,
            self._intake,
            settings.watch_namespaces,
            with_runtimes=not settings.runtimes_config_map,
        )
        enqueue_all(self._store, self._intake)
        await kopf.operator(
            registry=build_kopf_registry(
                self._intake,
                lambda: self._client.connection,
                watch_runtimes=not settings.runtimes_config_map,
            ),
            settings=build_kopf_settings([DEPLOYMENTS, PODS, NETWORK_POLICIES]),
            standalone=True,
            clusterwide=not settings.watch_namespaces,
            namespaces=settings.watch_namespaces,
            ready_flag=started,
        )

    def _build_images(self) -> Images:
        allowed = self._settings.read_allowed_registries()
        architecture = ARCHITECTURES.get(platform.machine(), "amd64")
        return Images(
            lambda request: resolve_image(request, allowed, architecture),
            lambda key: self._queue.add(function_key(*key)),
            time.monotonic,
        )

    def _resync(self) -> Resync:
        return Resync(self._client, self._store, self._intake, self._settings.watch_namespaces)

    def _runtimes(self) -> RuntimesFromConfigMap:
        return RuntimesFromConfigMap(
            self._client,
            self._settings.namespace,
            self._settings.runtimes_config_map,
            self._store.runtimes,
            self._intake.enqueue_runtime,
        )


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _keep_signals(kopf_started: asyncio.Event, stop: asyncio.Event) -> None:
    """Take SIGTERM back from kopf, whose own way to stop waits 5 s for tasks that are not its."""
    await kopf_started.wait()
    install_stop(stop)
    await asyncio.Event().wait()


def install_stop(stop: asyncio.Event) -> None:
    """Set ``stop`` on SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
