"""An object that cannot be read stops nobody: not the leader, not the other objects.

Every leaf of a manifest of every kind is replaced by a value of every type in turn.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from kubelambda.controller.cache.initial_list import enqueue_all, fill_store
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.kinds import KINDS
from kubelambda.controller.cache.resync import Resync
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.keys import WorkKey, function_key
from kubelambda.kube.memory import MemoryApi
from kubelambda.kube.paths import (
    ALIASES,
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
    VERSIONS,
    Resource,
)
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.network_policy import NetworkRules, build_network_policy
from unit.controller.builders import make_function, make_image_function, observed_deployment, read
from unit.controller.controlled_cluster import ControlledCluster

ODD: list[Any] = [None, ["x"], [{}], 7, "", "odd", {"odd": "x"}]
STATUS = {
    "state": "Active",
    "observedGeneration": 1,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "",
            "lastTransitionTime": "2027-01-01T00:00:00Z",
        }
    ],
    "revision": "0123456789",
    "keySecretName": "hello-key-1",
    "codeSha256": "x",
    "layers": [{"name": "libs", "version": 1, "arn": "arn", "codeSha256": "x"}],
}
IMAGE_STATUS = {
    **STATUS,
    "resolvedImageUri": "registry.example/app@sha256:" + "0a" * 32,
    "imageConfig": {
        "entryPoint": ["/entry"],
        "command": ["app.handler"],
        "workingDirectory": "/var/task",
        "digest": "x",
        "observedGeneration": 1,
    },
}
LAYER = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaLayer",
    "metadata": {
        "name": "libs-1",
        "namespace": "apps",
        "uid": "uid-l",
        "generation": 1,
        "resourceVersion": "7",
        "creationTimestamp": "2027-01-01T00:00:00Z",
    },
    "spec": {"layerName": "libs", "version": 1, "content": {"inline": {"python/a.py": "x"}}},
    "status": {**{key: STATUS[key] for key in ("observedGeneration", "conditions")}},
}
RUNTIME = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaRuntime",
    "metadata": {"name": "python3.13", "uid": "uid-r", "resourceVersion": "7"},
    "spec": {"image": "registry.example/python", "bootstrap": ["/var/runtime/bootstrap"]},
}
POD = {
    "metadata": {
        "name": "hello-1",
        "namespace": "apps",
        "uid": "uid-p",
        "resourceVersion": "7",
        "creationTimestamp": "2027-01-01T00:00:00Z",
        "labels": {labels.FUNCTION_UID: "uid-1", labels.REVISION: "r"},
        "annotations": {labels.DELETION_COST: "-100"},
        "ownerReferences": [
            {"kind": "ReplicaSet", "name": "x", "uid": "u", "controller": True, "apiVersion": "v1"}
        ],
    },
    "spec": {
        "containers": [
            {
                "name": "function",
                "env": [{"name": "KUBELAMBDA_CONFIG_DIGEST", "value": "d"}],
                "resources": {"limits": {"cpu": "72m"}},
            }
        ]
    },
    "status": {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
        "containerStatuses": [
            {"restartCount": 2, "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}}
        ],
    },
}
FUNCTION = make_function(
    status=STATUS,
    layers=[{"name": "libs", "version": 1}],
    environment={
        "variables": {"A": "b"},
        "valuesFrom": [{"name": "AB", "secretKeyRef": {"name": "s", "key": "k"}}],
    },
    ephemeralStorage={"size": 512},
    loggingConfig={"logFormat": "JSON"},
    memorySize=256,
    timeout=3,
    functionName="hello",
    reservedConcurrentExecutions=2,
)
IMAGE_FUNCTION = make_image_function(status=IMAGE_STATUS, imageConfig={"command": ["app.handler"]})
OWNED_METADATA = {
    "namespace": "apps",
    "generation": 1,
    "resourceVersion": "7",
    "creationTimestamp": "2027-01-01T00:00:00Z",
    "ownerReferences": [
        {"apiVersion": "v", "kind": "LambdaFunction", "name": "hello", "uid": "uid-1"}
    ],
}
VERSION = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaVersion",
    "metadata": {**OWNED_METADATA, "name": "hello.1", "uid": "uid-v"},
    "spec": {
        "functionName": "hello",
        "description": "d",
        "codeSha256": "YWJj",
        "revisionId": "6f0a",
        "version": 1,
        "snapshot": {
            "runtime": "python3.13",
            "handler": "app.handler",
            "code": {"configMapRef": {"name": "c"}},
            "environment": {
                "valuesFrom": [{"name": "AB", "configMapKeyRef": {"name": "s", "key": "k"}}]
            },
        },
    },
    "status": {**STATUS, "version": 1, "lastUpdateStatus": "Successful"},
}
ALIAS = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaAlias",
    "metadata": {**OWNED_METADATA, "name": "hello.live", "uid": "uid-a"},
    "spec": {
        "functionName": "hello",
        "name": "live",
        "functionVersion": "1",
        "routingConfig": {"additionalVersionWeights": {"2": 0.5}},
    },
    "status": {
        "observedGeneration": 1,
        "conditions": STATUS["conditions"],
        "aliasName": "live",
        "aliasArn": "arn",
        "revisionId": "x",
    },
}
POLICY = build_network_policy("apps", NetworkRules([{"podSelector": {}}], 9001, ["10.0.0.0/8"]))
POLICY["metadata"] |= {"uid": "uid-n", "resourceVersion": "7"}
DEPLOYMENT: dict[str, Any] = {
    **observed_deployment(read()),
    "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "quota"}]},
}
# What is in a template is packed and never looked into: one container tells as much as all of it.
DEPLOYMENT["spec"]["template"]["spec"] = {"containers": [{"name": "function"}]}
MANIFESTS: list[tuple[str, Resource, dict[str, Any]]] = [
    ("a function", FUNCTIONS, FUNCTION),
    ("an image function", FUNCTIONS, IMAGE_FUNCTION),
    ("a function of a ConfigMap", FUNCTIONS, make_function(code={"configMapRef": {"name": "c"}})),
    ("a function of a bucket", FUNCTIONS, make_function(code={"s3Bucket": "b", "s3Key": "k"})),
    ("a layer", LAYERS, LAYER),
    ("a version", VERSIONS, VERSION),
    ("an alias", ALIASES, ALIAS),
    ("a runtime", RUNTIMES, RUNTIME),
    ("a Deployment", DEPLOYMENTS, DEPLOYMENT),
    ("a pod", PODS, POD),
    ("a policy", NETWORK_POLICIES, POLICY),
]
BY_KIND = pytest.mark.parametrize(
    ("resource", "manifest"),
    [manifest[1:] for manifest in MANIFESTS],
    ids=[manifest[0] for manifest in MANIFESTS],
)


def vary(
    manifest: dict[str, Any], odd: Sequence[Any] = ODD
) -> Iterator[tuple[str, dict[str, Any]]]:
    """``manifest`` with each of its parts, leaf or not, replaced by each odd value and removed."""
    for path in list_paths(manifest):
        for value in [*odd, ...]:
            varied = copy.deepcopy(manifest)
            node: Any = varied
            for part in path[:-1]:
                node = node[part]
            if value is ...:
                del node[path[-1]]
            else:
                node[path[-1]] = copy.deepcopy(value)
            yield f"{'.'.join(map(str, path))} = {value!r}", varied


def list_paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in parts:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from list_paths(value, (*path, key))


def put_aside(key: WorkKey) -> None:
    """What is enqueued has a name that a log can print."""
    assert "/".join(key)


@BY_KIND
def test_whatever_one_object_says_intake_raises_nothing(
    resource: Resource, manifest: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    older, newer = (
        {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}}
        for version in ("6", "8")
    )
    for what, varied in vary(manifest):
        intake = Intake(Store(), put_aside)
        try:
            for turn in (older, varied, newer):
                intake.take(resource.plural, turn)
                intake.enqueue_affected(resource.plural, turn)
            intake.drop(resource.plural, varied)
            intake.enqueue_affected(resource.plural, varied)
        except Exception as error:
            raise AssertionError(what) from error


class OddApi(MemoryApi):
    """An API server that lists one odd object before a sound one."""

    def __init__(self, resource: Resource, odd: dict[str, Any], sound: dict[str, Any]) -> None:
        super().__init__()
        self._odd, self._lists = resource, [odd, sound]

    async def list_pages(self, resource: Resource, *_: Any, **__: Any) -> Any:
        yield [copy.deepcopy(manifest) for manifest in self._lists] if resource == self._odd else []


@BY_KIND
async def test_the_first_look_goes_on_past_an_odd_object(
    resource: Resource, manifest: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    sound = copy.deepcopy(manifest)
    sound["metadata"] |= {"name": "sound", "uid": "uid-sound"}
    for what, odd in vary(manifest):
        store = Store()
        intake = Intake(store, put_aside)
        api = OddApi(resource, odd, sound)
        await fill_store(api, intake, ["apps"], with_runtimes=True)
        enqueue_all(store, intake)
        resync = Resync(api, store, intake, ["apps"])
        await resync.compare_all()
        found = {key[1] for kind in KINDS for key in kind.table(store)} | store.runtimes.keys()
        assert "sound" in found, what


def test_an_odd_object_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    intake = Intake(Store(), put_aside)
    odd = {**POD, "spec": {"containers": 7}}
    for version in range(3):
        metadata = {**POD["metadata"], "resourceVersion": str(version)}
        assert intake.take(PODS.plural, {**odd, "metadata": metadata}) is False
    (record,) = caplog.records
    assert "pods apps/hello-1 cannot be read" in record.getMessage()


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"memorySize": "much"}, "memorySize"),
        ({"functionName": ["a"]}, "functionName"),
        ({"layers": [7]}, "layers"),
        (["not", "a", "spec"], "spec"),
    ],
)
def test_an_odd_function_is_there_with_a_verdict(spec: Any, word: str) -> None:
    """So that the reconciler writes the condition; it keeps its name against others."""
    store, enqueued = Store(), list[WorkKey]()
    intake = Intake(store, enqueued.append)
    manifest = make_function()
    manifest["spec"] = {**manifest["spec"], **spec} if isinstance(spec, dict) else spec
    assert intake.take(FUNCTIONS.plural, manifest)
    intake.enqueue_affected(FUNCTIONS.plural, manifest)
    record = store.functions.get(("apps", "hello"))
    assert record is not None
    assert record.spec_problem.reason == "InvalidSpec"
    assert word in record.spec_problem.message
    assert function_key("apps", "hello") in enqueued


WORK = {FUNCTIONS: "function", VERSIONS: "version", ALIASES: "alias", LAYERS: "layer"}
OWN_KINDS = [manifest for manifest in MANIFESTS if manifest[1] in WORK]


@pytest.mark.parametrize(
    ("resource", "manifest"), [kind[1:] for kind in OWN_KINDS], ids=[kind[0] for kind in OWN_KINDS]
)
async def test_whatever_one_of_our_objects_says_its_reconcile_ends_with_conditions(
    resource: Resource, manifest: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Of what is in its spec or status; the metadata are the API server's own."""
    caplog.set_level("CRITICAL")
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    for what, varied in vary(manifest, ODD[::2]):
        if what.startswith(("metadata", "apiVersion", "kind")):
            continue
        cluster = ControlledCluster((resource, varied))
        try:
            await cluster.reconcile((WORK[resource], namespace, name))
        except Exception as error:
            raise AssertionError(what) from error
        found = cluster.find(resource, name)["status"]["conditions"]
        assert sorted(condition["type"] for condition in found) == [
            "Ready",
            "Reconciling",
            "Stalled",
        ], what
