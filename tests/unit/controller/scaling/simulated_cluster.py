"""A small cluster in memory around a real Scaler: ReplicaSets, a node, a kubelet, gateways.

One ``step`` is a tenth of a second of the fake clock: everybody does what is due, in order.
"""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from kubelambda.config import ControllerSettings
from kubelambda.controller.cache.store import Store
from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.function.current_revisions import CurrentRevisions, RenderInputs
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.records.deployment_record import read_deployment
from kubelambda.controller.records.function_record import FunctionRecord, read_function
from kubelambda.controller.records.pod_record import read_pod
from kubelambda.controller.scaling.actuator import Actuator
from kubelambda.controller.scaling.cold_start_metrics import ColdStartMetrics
from kubelambda.controller.scaling.pod_writer import PodWriter
from kubelambda.controller.scaling.scaler import Scaler
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.core.wire.demand import DemandReport, Drain, EnvironmentReport, FunctionDemand
from kubelambda.kube.memory import Call, Event, MemoryApi
from kubelambda.kube.paths import DEPLOYMENTS, PODS
from kubelambda.kube.resources import labels
from unit.controller.builders import PLATFORM, RUNTIME, make_function
from unit.controller.scaling.settling_supervisor import SettlingSupervisor

STEP_S = 0.1
IDLE_S = 20.0
Manifest = dict[str, Any]


class Presence:
    """What the API server says of gateways."""

    def __init__(self) -> None:
        self.alive = True

    async def is_any_alive(self) -> bool:
        return self.alive


@dataclass(slots=True)
class Environment:
    """A pod's agent, as the gateway sees it."""

    pod: str
    uid: str
    state: str = "starting"
    until: float = 0.0
    """When its event ends; when it began to be idle."""


@dataclass(slots=True)
class Gateway:
    """Hands out events, reports, drains."""

    function: FunctionRecord
    event_s: float
    tells_duration: bool = False
    waiting: int = 0
    served: int = 0
    environments: dict[str, Environment] = field(default_factory=dict)

    def report(self, now: float) -> FunctionDemand:
        return FunctionDemand(
            self.function.ref.namespace,
            self.function.ref.name,
            self.function.uid,
            self.waiting,
            tuple(
                EnvironmentReport(
                    environment.pod,
                    "",
                    self.function.serving_digest,
                    environment.state,  # type: ignore[arg-type]
                    now - environment.until if environment.state == "idle" else 0.0,
                )
                for environment in self.environments.values()
            ),
            self.event_s * 1000 if self.tells_duration and self.served else None,
        )

    def work(self, now: float) -> None:
        for environment in self.environments.values():
            if environment.state == "starting" or (
                environment.state == "busy" and now >= environment.until
            ):
                self.served += environment.state == "busy"
                environment.state, environment.until = "idle", now
            if environment.state == "idle" and self.waiting:
                self.waiting -= 1
                environment.state, environment.until = "busy", now + self.event_s


class SimulatedCluster:
    """Functions, their gateway, and a node that takes ``room`` pods."""

    def __init__(
        self,
        *names: str,
        room: int = 1000,
        replica_sets_per_step: int = 100,
        event_s: float = 0.3,
        start_steps: int = 3,
        deployment_scale_per_s: float = 10.0,
        **spec: Any,
    ) -> None:
        self.now = 1000.0
        self.api = MemoryApi()
        self.room = room
        self.replica_sets_per_step = replica_sets_per_step
        self.start_steps = start_steps
        self.settings = ControllerSettings(
            idle_timeout_s=IDLE_S, deployment_scale_per_s=deployment_scale_per_s
        )
        self.fails = False
        self.are_gateways_up = True
        self.supervisor = SettlingSupervisor()
        self.records = [
            read_function(make_function(name, uid=f"uid-{name}", **spec)) for name in names
        ]
        self.gateways = {record.uid: Gateway(record, event_s) for record in self.records}
        self.presence = Presence()
        self.killed_busy: list[str] = []
        self.created: Counter[str] = Counter()
        self.changed: list[str] = []
        self._sequence = itertools.count(1)
        self._ages: Counter[str] = Counter()
        self._pods: dict[str, Manifest] = {}
        self._deployments: dict[str, Manifest] = {}
        self.store = Store()
        self.restart()
        self.api.subscribe(self._follow)

    def restart(self) -> None:
        """A new leader, which reads everything anew."""
        store = self.store = Store()
        for record in self.records:
            store.put_function(record)
        for manifest in self._pods.values():
            store.put_pod(read_pod(manifest))
        for manifest in self._deployments.values():
            store.put_deployment(read_deployment(manifest))
        registry = CollectorRegistry()
        link_states = LinkStates()
        self.start_backoff = StartBackoff(
            link_states, lambda record: self.changed.append(record.ref.name), self.clock
        )
        cold_starts = ColdStartMetrics(registry)
        self.revisions = revisions = CurrentRevisions(PLATFORM)
        for record in self.records:
            inputs = RenderInputs(record, RUNTIME)
            revisions.put(inputs.render(PLATFORM).revision, inputs)
        actuator = Actuator(
            store,
            revisions,
            KeySecrets(self.api, self.clock),
            PodWriter(self.api, store, registry),
            self.start_backoff,
            cold_starts,
            self.clock,
        )
        self.scaler = Scaler(
            store,
            revisions,
            actuator,
            self.start_backoff,
            link_states,
            self.presence,
            cold_starts,
            self.settings,
            self.supervisor,
            self.clock,
        )

    def clock(self) -> float:
        return self.now

    def gateway(self, name: str) -> Gateway:
        return self.gateways[f"uid-{name}"]

    def pods(self, name: str = "") -> list[Manifest]:
        """Those that are not on their way out."""
        return [
            manifest
            for manifest in self._pods.values()
            if "deletionTimestamp" not in manifest["metadata"]
            and manifest["metadata"]["labels"][labels.FUNCTION_UID].endswith(name)
        ]

    def pending(self, name: str = "") -> list[Manifest]:
        return [pod for pod in self.pods(name) if _phase(pod) == "Pending"]

    def deployments(self) -> list[str]:
        return list(self._deployments)

    def replicas(self) -> int:
        return sum(manifest["spec"].get("replicas", 0) for manifest in self._deployments.values())

    def live(self, name: str) -> list[Manifest]:
        """Pods of environments that serve or will: no victims, nothing that has ended."""
        return [
            pod
            for pod in self.pods(name)
            if labels.DELETION_COST not in (pod["metadata"].get("annotations") or {})
            and _phase(pod) in ("Pending", "Running")
        ]

    def scale_by_hand(self, name: str, replicas: int) -> None:
        """As ``kubectl scale`` does it."""
        (deployment,) = (
            manifest for manifest in self._deployments if manifest.startswith(f"{name}-")
        )
        content = {"spec": {"replicas": replicas}}
        self.api.edit(
            DEPLOYMENTS, "apps", deployment, content, manager="kubectl", subresource="scale"
        )

    def refuse_beyond(self, count: int, call: Call, error: Exception) -> None:
        """A quota of ``count`` pods."""
        if (call.verb, call.resource) == ("create", "pods") and len(self.pods()) >= count:
            raise error

    async def steps(self, seconds: float, step_s: float = STEP_S) -> None:
        for _ in range(round(seconds / step_s)):
            await self.step(step_s)

    async def step(self, step_s: float = STEP_S) -> None:
        self.now += step_s
        if self.are_gateways_up:
            for gateway in self.gateways.values():
                gateway.work(self.now)
            demands = tuple(gateway.report(self.now) for gateway in self.gateways.values())
            report = DemandReport("gw", next(self._sequence), demands)
            for drain in self.scaler.take_report(report).drains:
                self._drain(drain)
        self.scaler.evaluate()
        await self.supervisor.settle()
        self._play_replica_sets()
        self._schedule()
        self._play_kubelet()

    def _follow(self, event: Event) -> None:
        metadata = event.manifest["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if event.resource == PODS:
            self.created[metadata["labels"][labels.FUNCTION_UID]] += event.type == "ADDED"
            self._pods[key[1]] = event.manifest
            if event.type == "DELETED":
                del self._pods[key[1]]
                self.store.pods.remove(key)
                self._unlink(metadata["name"])
            else:
                if "deletionTimestamp" in metadata:
                    self._check_not_busy(metadata["name"])
                self.store.put_pod(read_pod(event.manifest))
        elif event.resource == DEPLOYMENTS:
            self._deployments[key[1]] = event.manifest
            self.store.put_deployment(read_deployment(event.manifest))

    def _check_not_busy(self, name: str) -> None:
        for gateway in self.gateways.values():
            environment = gateway.environments.get(name)
            if self.are_gateways_up and environment and environment.state == "busy":
                self.killed_busy.append(name)

    def _unlink(self, name: str) -> None:
        for gateway in self.gateways.values():
            gateway.environments.pop(name, None)

    def _drain(self, drain: Drain) -> None:
        gateway = self.gateway(drain.name)
        environment = gateway.environments.get(drain.pod)
        if environment is not None and environment.state == "idle":
            del gateway.environments[drain.pod]
            self._end_container(drain.pod, 0)

    def _end_container(self, name: str, code: int) -> None:
        """A direct pod has ended then; a Deployment's starts its container again."""
        manifest = self._pods[name]
        status = dict(manifest.get("status") or {})
        ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        if manifest["spec"].get("restartPolicy") == "Never":
            status |= {
                "phase": "Failed" if code else "Succeeded",
                "containerStatuses": [{"name": "function", "restartCount": 0, "state": ended}],
            }
        else:
            status |= {
                "containerStatuses": [{"name": "function", "restartCount": 1, "lastState": ended}]
            }
        self._set_status(name, status)

    def _set_status(self, name: str, status: Manifest) -> None:
        self.api.edit(PODS, "apps", name, {"status": status}, subresource="status")

    def _play_replica_sets(self) -> None:
        left = self.replica_sets_per_step
        for deployment in self._deployments.values():
            selector = deployment["spec"]["selector"]["matchLabels"]
            mine = [
                pod
                for pod in self.pods()
                if selector.items() <= pod["metadata"]["labels"].items()
                and pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
                and _phase(pod) in ("Pending", "Running")
            ]
            wanted = deployment["spec"].get("replicas", 0)
            for _ in range(min(left, wanted - len(mine))):
                left -= 1
                self._seed_pod(deployment)
            for pod in sorted(mine, key=_rank)[: max(0, len(mine) - wanted)]:
                self._delete(pod)

    def _seed_pod(self, deployment: Manifest) -> None:
        template = deployment["spec"]["template"]
        name = f"{deployment['metadata']['name']}-{sum(self.created.values())}"
        owner = {"kind": "ReplicaSet", "name": "rs", "uid": "uid-rs", "controller": True}
        metadata = {
            **template["metadata"],
            "name": name,
            "namespace": "apps",
            "ownerReferences": [{"apiVersion": "apps/v1", **owner}],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self.api.seed(PODS, pod)

    def _delete(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"]
        self._check_not_busy(name)
        self.api.remove(PODS, "apps", name)

    def _schedule(self) -> None:
        everything = list(self._pods.values())
        used = sum(
            bool(manifest["spec"].get("nodeName")) and _phase(manifest) in ("Pending", "Running")
            for manifest in everything
        )
        for manifest in everything:
            name = manifest["metadata"]["name"]
            if manifest["spec"].get("nodeName") or "deletionTimestamp" in manifest["metadata"]:
                continue
            if used < self.room:
                used += 1
                self.api.edit(PODS, "apps", name, {"spec": {"nodeName": "node"}})
                self._set_status(name, {"phase": "Pending", "conditions": []})
            elif not (manifest.get("status") or {}).get("conditions"):
                refused = {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/1 nodes are available: 1 Insufficient memory.",
                }
                self._set_status(name, {"phase": "Pending", "conditions": [refused]})

    def _play_kubelet(self) -> None:
        for manifest in list(self._pods.values()):
            name, metadata = manifest["metadata"]["name"], manifest["metadata"]
            if "deletionTimestamp" in metadata:
                self.api.remove(PODS, "apps", name)
            elif manifest["spec"].get("nodeName") and _phase(manifest) == "Pending":
                self._ages[metadata["uid"]] += 1
                if self._ages[metadata["uid"]] >= self.start_steps:
                    self._run_container(manifest)

    def _run_container(self, manifest: Manifest) -> None:
        name, metadata = manifest["metadata"]["name"], manifest["metadata"]
        self._set_status(name, {"phase": "Running"})
        if self.fails:
            self._end_container(name, 1)
            return
        gateway = self.gateways[metadata["labels"][labels.FUNCTION_UID]]
        gateway.environments[name] = Environment(name, metadata["uid"])


def _phase(manifest: Manifest) -> str:
    return str((manifest.get("status") or {}).get("phase", "Pending"))


def _rank(manifest: Manifest) -> tuple[bool, bool, int]:
    """The order in which a ReplicaSet takes its pods away."""
    annotations = manifest["metadata"].get("annotations") or {}
    return (
        bool(manifest["spec"].get("nodeName")),
        _phase(manifest) != "Pending",
        int(annotations.get(labels.DELETION_COST, "0")),
    )
