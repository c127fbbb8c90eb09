"""Puts the parts of a leading controller together.

Contract: builds and connects, starts nothing. Everything here is built once for each process and
used only while the process leads (``leader``).
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from kubelambda.config import ControllerSettings
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.resync import Resync
from kubelambda.controller.cache.runtime_config_map import RuntimesFromConfigMap
from kubelambda.controller.cache.store import Store
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
from kubelambda.controller.images.lambda_runtime import RuntimeReconciler
from kubelambda.controller.network.network_policy import PolicyReconciler
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.lambda_layer import LayerReconciler
from kubelambda.controller.packages.package_lookup import HttpPackageLookup
from kubelambda.controller.process.object_watches import ObjectWatches
from kubelambda.controller.process.work_queue import WorkQueue
from kubelambda.controller.process.workers import Reconcile, WorkerMetrics, Workers
from kubelambda.controller.records.keys import WorkKey, serving_key
from kubelambda.controller.scaling.actuator import Actuator
from kubelambda.controller.scaling.cold_start_metrics import ColdStartMetrics
from kubelambda.controller.scaling.pod_writer import PodWriter
from kubelambda.controller.scaling.scaler import Scaler
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.controller.versions.auto_publisher import AutoPublisher
from kubelambda.controller.versions.lambda_alias import AliasReconciler
from kubelambda.controller.versions.lambda_version import VersionReconciler
from kubelambda.kube.api import KubeApi
from kubelambda.kube.connection import Connection
from kubelambda.kube.resources.network_policy import NetworkRules
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""This machine's name for what registries call otherwise; nodes are taken to be like it."""


@dataclass(frozen=True, slots=True)
class LeaderParts:
    """What runs while this process leads."""

    demand_server: DemandServer
    runtimes: RuntimesFromConfigMap | None
    """None if runtimes are LambdaRuntime objects, which ``watches`` follows."""
    workers: Workers
    scaler: Scaler
    packages: KnownPackages
    resync: Resync
    watches: ObjectWatches
    supervisor: Supervisor
    """Owns what the others have begun beside their own work."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What several parts hold in common."""

    settings: ControllerSettings
    client: KubeApi
    registry: CollectorRegistry
    store: Store
    queue: WorkQueue[WorkKey]
    platform: Platform
    revisions: CurrentRevisions
    key_secrets: KeySecrets
    packages: KnownPackages
    link_states: LinkStates
    start_backoff: StartBackoff
    supervisor: Supervisor


def build_parts(
    settings: ControllerSettings,
    master_secret: bytes,
    rules: NetworkRules,
    registry: CollectorRegistry,
    client: KubeApi,
    connect_kopf: Callable[[], Connection],
) -> LeaderParts:
    """All parts, connected; ``client`` asks the fence, kopf only reads, over its own connection."""
    signatures = Signatures.derive(master_secret, settings.internal_key_generation)
    shared = _build_shared(settings, master_secret, signatures, registry, client)
    store, queue, namespaces = shared.store, shared.queue, settings.watch_namespaces
    intake = Intake(store, queue.add)
    runtimes = _build_runtimes(shared, intake)
    scaler = _build_scaler(shared)
    store.on_pod_changed = scaler.evaluate_soon
    return LeaderParts(
        demand_server=DemandServer(signatures, scaler.take_report, port=settings.demand_port),
        runtimes=runtimes,
        workers=_build_workers(shared, rules, intake),
        scaler=scaler,
        packages=shared.packages,
        resync=Resync(client, store, intake, namespaces),
        watches=ObjectWatches(client, connect_kopf, store, intake, runtimes, namespaces),
        supervisor=shared.supervisor,
    )


def _build_shared(
    settings: ControllerSettings,
    master_secret: bytes,
    signatures: Signatures,
    registry: CollectorRegistry,
    client: KubeApi,
) -> _Shared:
    queue: WorkQueue[WorkKey] = WorkQueue()
    rendered_for = Platform(settings, master_secret)
    lookup = HttpPackageLookup(settings.gateway_address, signatures)
    link_states = LinkStates()
    return _Shared(
        settings=settings,
        client=client,
        registry=registry,
        store=Store(),
        queue=queue,
        platform=rendered_for,
        revisions=CurrentRevisions(rendered_for),
        key_secrets=KeySecrets(client, time.monotonic),
        packages=KnownPackages(lookup.ask, queue.add, time.monotonic),
        link_states=link_states,
        start_backoff=StartBackoff(
            link_states,
            lambda record: queue.add(serving_key(*record.ref)),
            time.monotonic,
        ),
        supervisor=Supervisor(),
    )


def _build_runtimes(shared: _Shared, intake: Intake) -> RuntimesFromConfigMap | None:
    settings = shared.settings
    if not settings.runtimes_config_map:
        return None
    return RuntimesFromConfigMap(
        shared.client,
        settings.namespace,
        settings.runtimes_config_map,
        shared.store.runtimes,
        intake.enqueue_runtime,
    )


def _build_workers(shared: _Shared, rules: NetworkRules, intake: Intake) -> Workers:
    client, store, region = shared.client, shared.store, shared.settings.region
    observer = FunctionObserver(
        client,
        store,
        _build_image_lookups(shared),
        shared.packages,
        shared.start_backoff.report,
        time.time,
    )
    functions = FunctionReconciler(
        client,
        store,
        shared.platform,
        observer,
        shared.revisions,
        shared.key_secrets,
        time.time,
        intake.enqueue_publication,
    )
    versions = VersionReconciler(client, store, intake, functions, region, time.time)
    aliases = AliasReconciler(client, store, region, time.time)
    layers = LayerReconciler(client, store, shared.packages, region, time.time)
    policies = PolicyReconciler(client, store, rules)
    reconcilers: dict[str, Reconcile] = {
        "function": functions.reconcile,
        "version": versions.reconcile,
        "publish": AutoPublisher(client, store, intake).reconcile,
        "alias": aliases.reconcile,
        "layer": layers.reconcile,
        "namespace": lambda key: policies.reconcile(key[0]),
    }
    runtimes = _build_runtime_reconciler(shared, intake)
    if runtimes is not None:
        reconcilers["runtime"] = lambda key: runtimes.reconcile(key[1])
    return Workers(shared.queue, reconcilers, WorkerMetrics(shared.registry, shared.queue))


def _build_runtime_reconciler(shared: _Shared, intake: Intake) -> RuntimeReconciler | None:
    if shared.settings.runtimes_config_map:
        return None
    return RuntimeReconciler(shared.client, shared.store, intake.enqueue_runtime, time.time)


def _build_image_lookups(shared: _Shared) -> ImageLookups:
    allowed = shared.settings.read_allowed_registries()
    architecture = ARCHITECTURES.get(platform.machine(), "amd64")
    return ImageLookups(
        lambda request: resolve_image(request, allowed, architecture),
        lambda key: shared.queue.add(serving_key(*key)),
        time.monotonic,
        shared.supervisor,
    )


def _build_scaler(shared: _Shared) -> Scaler:
    cold_starts = ColdStartMetrics(shared.registry)
    actuator = Actuator(
        shared.store,
        shared.revisions,
        shared.key_secrets,
        PodWriter(shared.client, shared.store, shared.registry),
        shared.start_backoff,
        cold_starts,
    )
    return Scaler(
        shared.store,
        shared.revisions,
        actuator,
        shared.start_backoff,
        shared.link_states,
        GatewayPods(shared.client, shared.settings.namespace),
        cold_starts,
        shared.settings,
        shared.supervisor,
    )
