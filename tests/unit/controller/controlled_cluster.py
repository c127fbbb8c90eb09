"""A controller's reconcilers over an API server in memory, and hands that act in between.

The harness plays what is not ours: the watches with their selectors, and a clock. It starts no
scaler: Deployments and pods are put there by ``make_environment``, as scaler and ReplicaSet would.
"""

from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.config import ControllerSettings
from kubelambda.controller.cache.initial_list import enqueue_all, fill_store
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.kinds import KINDS
from kubelambda.controller.cache.store import Store
from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.function.lambda_function import FunctionReconciler
from kubelambda.controller.function.observer import FunctionObserver
from kubelambda.controller.function.render import Platform, Rendered
from kubelambda.controller.images.image_lookups import ImageLookups
from kubelambda.controller.images.lambda_runtime import RuntimeReconciler
from kubelambda.controller.network.network_policy import PolicyReconciler
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.lambda_layer import LayerReconciler
from kubelambda.controller.process.workers import Reconcile
from kubelambda.controller.records.field_managers import SCALE_MANAGER
from kubelambda.controller.records.keys import WorkKey
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.controller.versions.auto_publisher import AutoPublisher
from kubelambda.controller.versions.lambda_alias import AliasReconciler
from kubelambda.controller.versions.lambda_version import VersionReconciler
from kubelambda.core.images.config import ImageRequest
from kubelambda.judge.problem import Problem
from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import ConflictError
from kubelambda.kube.memory import Event, MemoryApi
from kubelambda.kube.paths import DEPLOYMENTS, FUNCTIONS, PODS, RUNTIMES, VERSIONS, Resource
from kubelambda.kube.resources.network_policy import NetworkRules
from kubelambda.process.supervisor import Supervisor

NAMESPACE = "apps"
REGION = "us-east-1"
RULES = NetworkRules([{"podSelector": {}}], 9001, ("10.0.0.0/8",))
PLATFORM = Platform(ControllerSettings(), bytes(range(32)))
RUNTIME: Manifest = {
    "metadata": {"name": "python3.13"},
    "spec": {"image": "registry.example/python:3.13", "bootstrap": ["/var/runtime/bootstrap"]},
}
_SELECTORS = {RUNTIMES: "", **{kind.resource: kind.selector for kind in KINDS}}
_ROUNDS_MAX = 200


async def _know_no_image(request: ImageRequest) -> Problem:
    return Problem(Reason.IMAGE_NOT_FOUND, f"{request.uri} is not there")


def make_function(name: str = "hello", **spec: Any) -> Manifest:
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "runtime": "python3.13",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "x"}},
            **spec,
        },
    }


class ControlledCluster:
    """One controller at a time; ``restart`` puts another one in its place."""

    def __init__(self, *manifests: tuple[Resource, Manifest]) -> None:
        self.now_s = 1_800_000_000.0
        self.api = MemoryApi(lambda: self.now_s)
        self.keys: dict[WorkKey, None] = {}
        self.revisits: dict[WorkKey, float] = {}
        self._held: list[Event] | None = None
        for resource, selector in _SELECTORS.items():
            self.api.subscribe(self.hear, resource, selector)
        self._start()
        self.api.seed(RUNTIMES, RUNTIME)
        for resource, manifest in manifests:
            self.api.seed(resource, manifest)

    def _start(self) -> None:
        self.store = Store()
        self.intake = Intake(self.store, self._enqueue)
        self.revisions = CurrentRevisions(PLATFORM)
        self.key_secrets = KeySecrets(self.api, self._clock)
        packages = KnownPackages(self._know_all, self._enqueue, self._clock)
        images = ImageLookups(_know_no_image, lambda _: None, self._clock, Supervisor())
        backoff = StartBackoff(LinkStates(), lambda _: None, self._clock)
        self.functions = FunctionReconciler(
            self.api,
            self.store,
            PLATFORM,
            FunctionObserver(self.api, self.store, images, packages, backoff.report, self._clock),
            self.revisions,
            self.key_secrets,
            self._clock,
            self.intake.enqueue_publication,
        )
        layers = LayerReconciler(self.api, self.store, packages, REGION, self._clock)
        policies = PolicyReconciler(self.api, self.store, RULES)
        runtimes = RuntimeReconciler(self.api, self.store, self.intake.enqueue_runtime, self._clock)
        versions = VersionReconciler(
            self.api, self.store, self.intake, self.functions, REGION, self._clock
        )
        self._reconcilers: dict[str, Reconcile] = {
            "function": self.functions.reconcile,
            "version": versions.reconcile,
            "publish": AutoPublisher(self.api, self.store, self.intake).reconcile,
            "alias": AliasReconciler(self.api, self.store, REGION, self._clock).reconcile,
            "layer": layers.reconcile,
            "runtime": lambda key: runtimes.reconcile(key[1]),
            "namespace": lambda key: policies.reconcile(key[0]),
        }

    async def restart(self) -> None:
        """Another process: it knows what it lists, and looks at everything."""
        self.keys.clear()
        self.revisits.clear()
        self._start()
        await fill_store(self.api, self.intake, [NAMESPACE], with_runtimes=True)
        enqueue_all(self.store, self.intake)

    async def settle(self) -> None:
        """Work until nothing is to do now."""
        for _ in range(_ROUNDS_MAX):
            if not self.keys:
                return
            key = next(iter(self.keys))
            del self.keys[key]
            try:
                await self.reconcile(key)
            except ConflictError:
                self.keys[key] = None
            except Exception:
                self.keys[key] = None
                raise
        raise AssertionError(f"no end of work: {list(self.keys)}")

    async def pass_time(self, seconds: float) -> None:
        """Let the clock go on, and do what is due meanwhile."""
        until_s = self.now_s + seconds
        await self.settle()
        while due := {key: at for key, at in self.revisits.items() if at <= until_s}:
            key = min(due, key=lambda waiting: due[waiting])
            self.now_s = max(self.now_s, self.revisits.pop(key))
            self.keys[key] = None
            await self.settle()
        self.now_s = until_s

    async def reconcile(self, key: WorkKey) -> None:
        """What a worker does with ``key``."""
        kind, namespace, name = key
        self.revisits.pop(key, None)
        revisit_s = await self._reconcilers[kind]((namespace, name))
        if revisit_s is not None:
            self.revisits[key] = self.now_s + revisit_s

    def make_environment(
        self, function: str = "hello", *, replicas: int = 1, node: str = "node-1"
    ) -> list[Manifest]:
        """What the scaler and the ReplicaSet controller make of demand; the pods."""
        rendered = self.rendered(function)
        made = {**rendered.deployment, "spec": {**rendered.deployment["spec"]}}
        made["spec"]["replicas"] = replicas
        self.api.seed(DEPLOYMENTS, made, SCALE_MANAGER)
        template = rendered.deployment["spec"]["template"]
        return [
            self.api.seed(
                PODS,
                {
                    "metadata": {
                        **template["metadata"],
                        "name": f"{made['metadata']['name']}-{number}",
                        "namespace": NAMESPACE,
                        "ownerReferences": [
                            {
                                "apiVersion": "apps/v1",
                                "kind": "ReplicaSet",
                                "name": "rs",
                                "uid": "uid-rs",
                                "controller": True,
                            }
                        ],
                    },
                    "spec": {**template["spec"], "nodeName": node},
                    "status": {"phase": "Running"},
                },
                "kube-controller-manager",
            )
            for number in range(replicas)
        ]

    def rendered(self, function: str = "hello") -> Rendered:
        """The objects of a function, or of a version, that was judged good."""
        resource = VERSIONS if "." in function else FUNCTIONS
        found = self.revisions.find(self.find(resource, function)["metadata"]["uid"])
        assert found is not None
        return found

    def find(self, resource: Resource, name: str) -> Manifest:
        """An object that is there."""
        found = self.api.find(resource, NAMESPACE, name)
        assert found is not None, f"no {resource.plural} {name}"
        return found

    def condition(
        self, name: str = "hello", kind: str = "Ready", resource: Resource = FUNCTIONS
    ) -> tuple[str, str, str]:
        """Status, reason and message."""
        conditions = self.find(resource, name)["status"]["conditions"]
        (found,) = (condition for condition in conditions if condition["type"] == kind)
        return found["status"], found["reason"], found["message"]

    def _enqueue(self, key: WorkKey) -> None:
        self.keys[key] = None

    def hold_events(self) -> None:
        """The watches tell nothing until ``release_events``."""
        self._held = []

    def release_events(self, *, times: int = 1) -> None:
        """They tell all of it, in order, so many times over; and go on from there."""
        held, self._held = self._held or [], None
        for event in held * times:
            self.hear(event)

    def hear(self, event: Event) -> None:
        """A watch tells of ``event``."""
        if self._held is not None:
            self._held.append(event)
            return
        plural = event.resource.plural
        if event.type == "DELETED":
            self.intake.drop(plural, event.manifest)
        elif self.intake.take(plural, event.manifest):
            self.intake.enqueue_affected(plural, event.manifest)

    def _clock(self) -> float:
        return self.now_s

    async def _know_all(self, names: object) -> frozenset[str]:
        return frozenset()
