"""Everything that runs only while this process leads.

Contract: ``lead`` returns after a stop and raises for everything else: a part that ends by itself,
with or without an error, ends the leadership, since a leader without one of its parts would do half
of its work for ever. ``hand_over`` comes after ``lead``, whatever ended it.
"""

import asyncio
import logging
import platform
import time
from collections.abc import Coroutine
from typing import Any

import kopf
from prometheus_client import CollectorRegistry

from kubelambda.config import ControllerSettings
from kubelambda.controller.cache.initial_list import enqueue_all, fill_store
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.resync import Resync
from kubelambda.controller.cache.runtime_config_map import RuntimesFromConfigMap
from kubelambda.controller.cache.store import Store
from kubelambda.controller.cache.watches import build_kopf_registry, build_kopf_settings
from kubelambda.controller.demand.demand_server import DemandServer
from kubelambda.controller.demand.gateway_pods import GatewayPods
from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.function.lambda_function import FunctionReconciler
from kubelambda.controller.function.observer import FunctionObserver
from kubelambda.controller.function.render import Platform
from kubelambda.controller.images.image_lookups import ImageLookups
from kubelambda.controller.images.image_resolver import resolve_image
from kubelambda.controller.network.network_policy import PolicyReconciler
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.lambda_layer import LayerReconciler
from kubelambda.controller.packages.package_lookup import HttpPackageLookup
from kubelambda.controller.process.elector import Elector
from kubelambda.controller.process.leader_label import claim_leader_label, drop_leader_label
from kubelambda.controller.process.work_queue import WorkQueue
from kubelambda.controller.process.workers import WorkerMetrics, Workers
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import WorkKey, function_key
from kubelambda.controller.scaling.actuator import Actuator
from kubelambda.controller.scaling.cold_starts import ColdStarts
from kubelambda.controller.scaling.pod_writer import PodWriter
from kubelambda.controller.scaling.scaler import Scaler
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.core.capacity.pace import TokenBucket
from kubelambda.kube.client import KubeClient
from kubelambda.kube.connection import load_configuration
from kubelambda.kube.paths import DEPLOYMENTS, NETWORK_POLICIES, PODS
from kubelambda.kube.request_sender import RequestCounter
from kubelambda.kube.resources.network_policy import NetworkRules
from kubelambda.process.parts import run_parts
from kubelambda.process.signals import set_on_stop
from kubelambda.process.signatures import Signatures

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
        self._revisions = CurrentRevisions(shared)
        self._key_secrets = KeySecrets(self._client, time.monotonic)
        lookup = HttpPackageLookup(settings.gateway_address, master_secret)
        self._packages = KnownPackages(lookup.ask, self._queue.add, time.monotonic)
        link_states = LinkStates()
        start_backoff = StartBackoff(link_states, self._look_at_function, time.monotonic)
        self._workers = Workers(
            self._queue,
            FunctionReconciler(
                self._client,
                self._store,
                shared,
                FunctionObserver(
                    self._client,
                    self._store,
                    self._build_images(),
                    self._packages,
                    start_backoff.report,
                    time.time,
                ),
                self._revisions,
                self._key_secrets,
                time.time,
            ),
            LayerReconciler(self._client, self._store, self._packages, settings.region, time.time),
            PolicyReconciler(self._client, self._store, rules),
            WorkerMetrics(registry, self._queue),
        )
        self._scaler = self._build_scaler(registry, start_backoff, link_states)
        self._store.on_pod_changed = self._scaler.evaluate_soon
        self._runtimes = self._build_runtimes()
        self._demand = DemandServer(
            Signatures.derive(master_secret),
            self._scaler.take_report,
            port=settings.demand_port,
        )

    def check_live(self) -> str:
        """Empty while work is taken; a loop that stands still answers nothing at all."""
        return self._workers.check_progress(STUCK_S)

    async def lead(self, stop: asyncio.Event) -> None:
        """Reconcile and scale until ``stop``; raises what ended it otherwise."""
        await self._demand.start()
        try:
            await run_parts(self._assemble(stop), stop)
        finally:
            await self._demand.close()

    async def hand_over(self) -> None:
        """Let a standby lead at once, where this process still holds the Lease."""
        await drop_leader_label(self._client, self._settings.namespace, self._settings.pod_name)
        if self._settings.leader_election:
            await self._elector.release()
        self._client.close()

    def _assemble(self, stop: asyncio.Event) -> dict[str, Coroutine[Any, Any, None]]:
        """The parts by the names that the log gives them; each goes on until it is cancelled.

        The Lease is renewed from the first moment on: all other beginnings may take longer than it.
        """
        kopf_started = asyncio.Event()
        parts: dict[str, Coroutine[Any, Any, None]] = {}
        if self._settings.leader_election:
            parts["election"] = self._elector.keep_leadership()
        if self._runtimes is not None:
            parts["runtimes"] = self._runtimes.run()
        return parts | {
            "workers": self._workers.run(),
            "scaler": self._scaler.run(),
            "packages": self._packages.run(),
            "resync": self._resync().run(),
            "signals": _keep_signals(kopf_started, stop),
            "watches": self._watch(kopf_started, stop),
        }

    async def _watch(self, started: asyncio.Event, stop: asyncio.Event) -> None:
        settings = self._settings
        await claim_leader_label(self._client, settings.namespace, settings.pod_name)
        if self._runtimes is not None:
            await self._runtimes.refresh()
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
        if not started.is_set():
            # A signal came while kopf had the signals: it ended, as we are asked to.
            stop.set()
            await asyncio.Event().wait()

    def _look_at_function(self, record: FunctionRecord) -> None:
        self._queue.add(function_key(record.ref.namespace, record.ref.name))

    def _build_scaler(
        self, registry: CollectorRegistry, start_backoff: StartBackoff, link_states: LinkStates
    ) -> Scaler:
        cold_starts = ColdStarts(registry)
        actuator = Actuator(
            self._store,
            self._revisions,
            self._key_secrets,
            PodWriter(self._client, self._store, registry),
            start_backoff,
            cold_starts,
        )
        return Scaler(
            self._store,
            self._revisions,
            actuator,
            start_backoff,
            link_states,
            GatewayPods(self._client, self._settings.namespace),
            cold_starts,
            self._settings,
        )

    def _build_images(self) -> ImageLookups:
        allowed = self._settings.read_allowed_registries()
        architecture = ARCHITECTURES.get(platform.machine(), "amd64")
        return ImageLookups(
            lambda request: resolve_image(request, allowed, architecture),
            lambda key: self._queue.add(function_key(*key)),
            time.monotonic,
        )

    def _resync(self) -> Resync:
        return Resync(self._client, self._store, self._intake, self._settings.watch_namespaces)

    def _build_runtimes(self) -> RuntimesFromConfigMap | None:
        if not self._settings.runtimes_config_map:
            return None
        return RuntimesFromConfigMap(
            self._client,
            self._settings.namespace,
            self._settings.runtimes_config_map,
            self._store.runtimes,
            self._intake.enqueue_runtime,
        )


async def _keep_signals(kopf_started: asyncio.Event, stop: asyncio.Event) -> None:
    """Take SIGTERM back from kopf, whose own way to stop waits 5 s for tasks that are not its."""
    await kopf_started.wait()
    set_on_stop(stop)
    await asyncio.Event().wait()
