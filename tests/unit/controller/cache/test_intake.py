"""What an event puts into the store, and which keys it enqueues."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.keys import (
    WorkKey,
    function_key,
    layer_key,
    namespace_key,
    runtime_key,
)
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
    Resource,
)
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.network_policy import NetworkRules, build_network_policy
from unit.controller.builders import make_function, observed_deployment, read

HELLO = function_key("apps", "hello")
APPS = namespace_key("apps")
NETWORK_RULES = NetworkRules([{"podSelector": {}}], 9001, ("10.0.0.0/8",))


def make_layer(name: str = "libs-1", *, uid: str = "uid-l", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "apps", "uid": uid, "resourceVersion": "7"},
        "spec": {
            "layerName": "libs",
            "version": 1,
            "content": {"inline": {"python/a.py": "x"}},
            **spec,
        },
    }


def make_runtime() -> dict[str, Any]:
    return {
        "metadata": {"name": "python3.13", "uid": "uid-r", "resourceVersion": "7"},
        "spec": {"image": "registry.example/python", "bootstrap": ["/bootstrap"]},
    }


def make_pod(name: str = "hello-1", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "apps",
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "labels": {labels.FUNCTION_UID: "uid-1", labels.REVISION: "r"},
            **metadata,
        },
        "spec": {"containers": [{"name": "function"}]},
    }


def make_policy() -> dict[str, Any]:
    policy = build_network_policy("apps", NETWORK_RULES)
    policy["metadata"] |= {"uid": "uid-n", "resourceVersion": "7"}
    return policy


class Watched:
    """An intake with its store; ``enqueued`` are the keys since the last look at them."""

    def __init__(self, *known: tuple[Resource, dict[str, Any]]) -> None:
        self.store = Store()
        self._keys: list[WorkKey] = []
        self.intake = Intake(self.store, self._keys.append)
        for resource, manifest in known:
            self.hear(resource, manifest)
        self.enqueued()

    def hear(self, resource: Resource, manifest: dict[str, Any]) -> bool:
        """As the watch's handler does it: only news enqueue anything."""
        is_new = self.intake.take(resource.plural, manifest)
        if is_new:
            self.intake.enqueue_affected(resource.plural, manifest)
        return is_new

    def enqueued(self) -> set[WorkKey]:
        keys = set(self._keys)
        self._keys.clear()
        return keys


def newer(manifest: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """``manifest`` as it is after a change."""
    changed = copy.deepcopy(manifest)
    changed["metadata"]["resourceVersion"] = str(int(manifest["metadata"]["resourceVersion"]) + 1)
    change(changed)
    return changed


USER = make_function(layers=[{"name": "libs", "version": 1}])
EVENTS: list[tuple[str, Resource, dict[str, Any], set[WorkKey]]] = [
    ("a function: itself and its namespace", FUNCTIONS, make_function(), {HELLO, APPS}),
    ("a layer: itself and its users", LAYERS, make_layer(), {layer_key("apps", "libs-1"), HELLO}),
    ("a Deployment: its function", DEPLOYMENTS, observed_deployment(read()), {HELLO}),
    ("a pod: its function", PODS, make_pod(), {HELLO}),
    ("a policy: its namespace", NETWORK_POLICIES, make_policy(), {APPS}),
    (
        "a runtime: itself and its functions",
        *(RUNTIMES, make_runtime(), {HELLO, runtime_key("python3.13")}),
    ),
]


@pytest.mark.parametrize(
    ("resource", "manifest", "keys"),
    [case[1:] for case in EVENTS],
    ids=[case[0] for case in EVENTS],
)
def test_an_event_enqueues_what_it_affects_once(
    resource: Resource, manifest: dict[str, Any], keys: set[WorkKey]
) -> None:
    """What comes twice, as after a new list or by our own write, enqueues nothing."""
    known = [] if resource == FUNCTIONS else [(FUNCTIONS, USER)]
    watched = Watched(*known)
    assert watched.hear(resource, manifest)
    assert watched.enqueued() == keys
    assert not watched.hear(resource, manifest)
    assert watched.enqueued() == set()


@pytest.mark.parametrize(
    ("resource", "manifest", "keys"),
    [case[1:] for case in EVENTS],
    ids=[case[0] for case in EVENTS],
)
def test_a_deletion_enqueues_what_it_affects(
    resource: Resource, manifest: dict[str, Any], keys: set[WorkKey]
) -> None:
    known = [] if resource == FUNCTIONS else [(FUNCTIONS, USER)]
    watched = Watched(*known, (resource, manifest))
    watched.intake.drop(resource.plural, manifest)
    own = {layer_key("apps", "libs-1")} if resource == LAYERS else set()
    assert watched.enqueued() == keys - own


def test_objects_of_one_name_are_looked_at_together() -> None:
    """When the rightful one goes, the next one takes its place."""
    second = make_function("second", uid="uid-2", functionName="hello")
    watched = Watched((FUNCTIONS, make_function()))
    watched.hear(FUNCTIONS, second)
    assert watched.enqueued() == {HELLO, function_key("apps", "second"), APPS}
    watched.intake.drop(FUNCTIONS.plural, make_function())
    assert function_key("apps", "second") in watched.enqueued()


def test_layers_of_one_version_are_looked_at_together() -> None:
    watched = Watched((LAYERS, make_layer()))
    watched.hear(LAYERS, make_layer("again", uid="uid-2"))
    assert watched.enqueued() == {layer_key("apps", "libs-1"), layer_key("apps", "again")}
    watched.intake.drop(LAYERS.plural, make_layer())
    assert watched.enqueued() == {layer_key("apps", "again")}


def test_a_runtime_wakes_the_functions_whose_runtime_nobody_knows() -> None:
    """An identifier of a runtime may have been renamed."""
    other = make_function("other", uid="uid-2", runtime="cobol85")
    watched = Watched((RUNTIMES, make_runtime()), (FUNCTIONS, make_function()), (FUNCTIONS, other))
    new = {**make_runtime(), "metadata": {**make_runtime()["metadata"], "name": "cobol85"}}
    watched.hear(RUNTIMES, new)
    assert watched.enqueued() == {function_key("apps", "other"), runtime_key("cobol85")}


@pytest.mark.parametrize("resource", [DEPLOYMENTS, PODS])
def test_what_loses_the_label_of_its_watch_is_to_be_looked_for(resource: Resource) -> None:
    """To a watch with a selector it is deleted then."""
    manifest = observed_deployment(read()) if resource == DEPLOYMENTS else make_pod()
    key, uid = ("apps", manifest["metadata"]["name"]), manifest["metadata"]["uid"]
    watched = Watched((FUNCTIONS, make_function()), (resource, manifest))
    watched.intake.drop(
        resource.plural, newer(manifest, lambda changed: changed["metadata"].pop("labels"))
    )
    assert watched.enqueued() == {HELLO}
    assert watched.store.list_unwatched("uid-1") == [(resource, key, uid)]


def test_a_pod_that_was_on_its_way_out_is_not_looked_for() -> None:
    ending = make_pod(deletionTimestamp="2027-01-15T08:00:00Z")
    watched = Watched((FUNCTIONS, make_function()), (PODS, make_pod()))
    watched.intake.drop(PODS.plural, ending)
    assert watched.enqueued() == {HELLO}
    assert watched.store.list_unwatched("uid-1") == []


@pytest.mark.parametrize("resource", [FUNCTIONS, DEPLOYMENTS, PODS, LAYERS, NETWORK_POLICIES])
def test_a_late_deletion_of_a_former_object_leaves_its_successor(resource: Resource) -> None:
    manifest = next(one for _, kind, one, _ in EVENTS if kind == resource)
    watched = Watched((FUNCTIONS, make_function()), (resource, manifest))
    former = newer(manifest, lambda changed: changed["metadata"].update(uid="uid-of-the-former"))
    watched.intake.drop(resource.plural, former)
    assert not watched.hear(resource, manifest), "it is still known"


def test_an_object_that_cannot_be_read_is_logged_once_and_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is known of it is not true any more; the sound ones go on."""
    watched = Watched((FUNCTIONS, make_function()), (PODS, make_pod()), (PODS, make_pod("other")))
    odd = newer(make_pod(), lambda changed: changed["spec"].update(containers="none"))
    for _ in range(3):
        assert not watched.hear(PODS, odd)
    assert [pod.key[1] for pod in watched.store.pods.values()] == ["other"]
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("pods apps/hello-1 cannot be read (")
    sound = newer(odd, lambda changed: changed.update(spec=make_pod()["spec"]))
    assert watched.hear(PODS, sound)


def test_a_runtime_that_cannot_be_read_goes_on_as_it_was() -> None:
    """Its functions would be stalled otherwise."""
    watched = Watched((RUNTIMES, make_runtime()))
    watched.hear(RUNTIMES, newer(make_runtime(), lambda changed: changed["spec"].update(image=[])))
    assert watched.store.runtimes["python3.13"].image == "registry.example/python"


@pytest.mark.parametrize("manifest", [{}, {"metadata": None}, {"metadata": {"name": 7}}])
def test_what_no_api_server_sends_sets_nothing_in_motion(manifest: dict[str, Any]) -> None:
    watched = Watched((FUNCTIONS, make_function()))
    assert not watched.hear(PODS, manifest)
    watched.intake.drop(PODS.plural, manifest)
    watched.intake.enqueue_affected(PODS.plural, manifest)
    assert watched.enqueued() == set()
