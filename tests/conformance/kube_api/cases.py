"""The rules of the port, as coroutines over a driver and a namespace of their own.

Contract: run against ``kube.memory`` always, and against a real API server by
``tests/e2e/api_server/test_kube_api.py``. Nothing here starts a pod.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kubelambda.kube.api import JSON_PATCH, KubeApi, Manifest
from kubelambda.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    KubeError,
    NotFoundError,
)
from kubelambda.kube.paths import CONFIG_MAPS, DEPLOYMENTS, FUNCTIONS, PODS

OURS, SCALER, HANDS = "kubelambda", "kubelambda-scaler", "kubectl-edit"


def make_config_map(name: str, **labels: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": labels},
        "data": {"a": "1"},
    }


def make_deployment(name: str, **spec: Any) -> Manifest:
    container = {
        "name": "function",
        "image": "localhost/pause:1",
        "env": [{"name": "OURS", "value": "1"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container]},
            },
            **spec,
        },
    }


def make_pod(name: str) -> Manifest:
    """One that no node takes."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"{name}-"},
        "spec": {
            "nodeSelector": {"kubelambda.io/no-such-node": "true"},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 993,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "function",
                    "image": "localhost/pause:1",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def make_function(name: str) -> Manifest:
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaFunction",
        "metadata": {"name": name},
        "spec": {
            "runtime": "no-such-runtime1.0",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "x"}},
        },
    }


def variables(deployment: Manifest) -> dict[str, str]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in container.get("env", ())}


def owners_of(manifest: Manifest, *path: str) -> set[str]:
    """The managers that own the field at ``path``."""
    found = set()
    for entry in manifest["metadata"]["managedFields"]:
        node = entry["fieldsV1"]
        for segment in path:
            node = node.get(segment) if node is not None else None
        if node is not None:
            found.add(entry["manager"])
    return found


async def names_are_taken_and_missed_by_type(api: KubeApi, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        await api.get(CONFIG_MAPS, namespace, "one")
    await api.create(CONFIG_MAPS, namespace, make_config_map("one"), manager=OURS)
    with pytest.raises(AlreadyExistsError):
        await api.create(CONFIG_MAPS, namespace, make_config_map("one"), manager=OURS)
    with pytest.raises(NotFoundError):
        await api.patch(CONFIG_MAPS, namespace, "two", {"data": {}}, manager=OURS)


async def a_write_of_an_older_version_conflicts(api: KubeApi, namespace: str) -> None:
    first = await api.create(CONFIG_MAPS, namespace, make_config_map("one"), manager=OURS)
    second = await api.patch(CONFIG_MAPS, namespace, "one", {"data": {"a": "2"}}, manager=OURS)
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    late = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}}
    with pytest.raises(ConflictError):
        await api.patch(CONFIG_MAPS, namespace, "one", {**late, "data": {"a": "3"}}, manager=OURS)
    with pytest.raises(ConflictError):
        await api.replace(CONFIG_MAPS, namespace, {**first, "data": {"a": "3"}})
    assert (await api.get(CONFIG_MAPS, namespace, "one"))["data"] == {"a": "2"}


async def a_write_that_changes_nothing_keeps_the_version(api: KubeApi, namespace: str) -> None:
    first = await api.create(CONFIG_MAPS, namespace, make_config_map("one"), manager=OURS)
    again = await api.patch(CONFIG_MAPS, namespace, "one", {"data": {"a": "1"}}, manager=HANDS)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def a_delete_is_of_one_uid_and_one_version(api: KubeApi, namespace: str) -> None:
    made = await api.create(CONFIG_MAPS, namespace, make_config_map("one"), manager=OURS)
    uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    with pytest.raises(ConflictError):
        await api.delete(CONFIG_MAPS, namespace, "one", uid="another")
    await api.patch(CONFIG_MAPS, namespace, "one", {"data": {"a": "2"}}, manager=OURS)
    with pytest.raises(ConflictError):
        await api.delete(CONFIG_MAPS, namespace, "one", uid=uid, version=version)
    await api.delete(CONFIG_MAPS, namespace, "one", uid=uid)
    with pytest.raises(NotFoundError):
        await api.delete(CONFIG_MAPS, namespace, "one", uid=uid)


async def lists_select_by_label_a_page_at_a_time(api: KubeApi, namespace: str) -> None:
    for number in range(3):
        manifest = make_config_map(f"one-{number}", ours="yes")
        await api.create(CONFIG_MAPS, namespace, manifest, manager=OURS)
    await api.create(CONFIG_MAPS, namespace, make_config_map("other"), manager=OURS)
    pages = [
        [manifest["metadata"]["name"] for manifest in page]
        async for page in api.list_pages(
            CONFIG_MAPS, namespace, label_selector="ours=yes", page_items=2, metadata_only=True
        )
    ]
    assert pages == [["one-0", "one-1"], ["one-2"]]


async def an_apply_that_drops_replicas_resets_them(api: KubeApi, namespace: str) -> None:
    await api.apply(DEPLOYMENTS, namespace, make_deployment("one", replicas=0), manager=OURS)
    applied = await api.apply(DEPLOYMENTS, namespace, make_deployment("one"), manager=OURS)
    assert applied["spec"]["replicas"] == 1
    pausing = {"spec": {"replicas": 0}}
    await api.patch(DEPLOYMENTS, namespace, "one", pausing, manager=SCALER)


async def an_apply_leaves_what_others_added_and_takes_back_what_is_ours(
    api: KubeApi, namespace: str
) -> None:
    await api.create(DEPLOYMENTS, namespace, make_deployment("one", replicas=0), manager=SCALER)
    container = {
        "name": "function",
        "image": "localhost/pause:1",
        "env": [{"name": "OURS", "value": "2"}, {"name": "ADDED", "value": "1"}],
    }
    edit = {"spec": {"template": {"spec": {"containers": [container]}}}}
    edited = await api.patch(DEPLOYMENTS, namespace, "one", edit, manager=HANDS)
    path = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"function"}', "f:env")
    assert HANDS in owners_of(edited, *path, 'k:{"name":"ADDED"}')
    assert SCALER not in owners_of(edited, *path, 'k:{"name":"ADDED"}')
    assert edited["metadata"]["generation"] == 2
    applied = await api.apply(DEPLOYMENTS, namespace, make_deployment("one"), manager=OURS)
    assert variables(applied) == {"OURS": "1", "ADDED": "1"}
    assert applied["spec"]["replicas"] == 0


async def a_json_patch_replaces_a_whole_spec_and_its_defaults_come_again(
    api: KubeApi, namespace: str
) -> None:
    desired = make_deployment("one", replicas=0)
    made = await api.create(DEPLOYMENTS, namespace, desired, manager=SCALER)
    edit = {
        "spec": {
            "paused": True,
            "template": {"metadata": {"annotations": {"by": "hand"}}},
        }
    }
    await api.patch(DEPLOYMENTS, namespace, "one", edit, manager=HANDS)
    mended, content = await _replace_spec(api, namespace, desired["spec"])
    assert mended["spec"] == made["spec"]
    assert not owners_of(mended, "f:spec", "f:template") & {HANDS}
    with pytest.raises(ConflictError):
        await api.patch(
            DEPLOYMENTS, namespace, "one", content, manager=OURS, content_type=JSON_PATCH
        )


async def _replace_spec(
    api: KubeApi, namespace: str, spec: Manifest
) -> tuple[Manifest, list[Manifest]]:
    """At the version that is there; a real Deployment's own controller writes beside the case."""
    while True:
        found = await api.get(DEPLOYMENTS, namespace, "one")
        version = found["metadata"]["resourceVersion"]
        content: list[Manifest] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec", "value": spec},
        ]
        try:
            mended = await api.patch(
                DEPLOYMENTS, namespace, "one", content, manager=OURS, content_type=JSON_PATCH
            )
        except ConflictError:
            continue
        return mended, content


async def a_selector_is_for_ever(api: KubeApi, namespace: str) -> None:
    await api.create(DEPLOYMENTS, namespace, make_deployment("one", replicas=0), manager=SCALER)
    other = make_deployment("other")["spec"]
    with pytest.raises(InvalidError):
        await api.patch(DEPLOYMENTS, namespace, "one", {"spec": other}, manager=OURS)


async def a_status_is_written_by_itself(api: KubeApi, namespace: str) -> None:
    made = await api.create(FUNCTIONS, namespace, make_function("one"), manager=HANDS)
    content = {"status": {"state": "Active"}, "spec": {"timeout": 9}}
    written = await api.patch(
        FUNCTIONS, namespace, "one", content, manager=OURS, subresource="status"
    )
    assert written["status"]["state"] == "Active"
    assert written["spec"].get("timeout") == made["spec"].get("timeout")
    # Where a controller runs it may have written a state of its own meanwhile, but never this one.
    ignored = {"status": {"state": "Inactive"}}
    after = await api.patch(FUNCTIONS, namespace, "one", ignored, manager=OURS)
    assert after["status"]["state"] != "Inactive"
    assert written["metadata"]["generation"] == made["metadata"]["generation"]


async def a_pod_without_a_node_goes_at_once(api: KubeApi, namespace: str) -> None:
    made = await api.create(PODS, namespace, make_pod("one"), manager=SCALER)
    name, uid = made["metadata"]["name"], made["metadata"]["uid"]
    assert name.startswith("one-")
    assert made["status"]["phase"] == "Pending"
    await api.delete(PODS, namespace, name, uid=uid)
    with pytest.raises(KubeError):
        await api.get(PODS, namespace, name)


async def a_watch_continues_a_list_of_several_pages(api: KubeApi, namespace: str) -> None:
    for number in range(3):
        await api.create(CONFIG_MAPS, namespace, make_config_map(f"one-{number}"), manager=OURS)
    names, token, version = [], "", ""
    while True:
        page = await api.read_page(CONFIG_MAPS, namespace, token=token, page_items=2)
        names += [item["metadata"]["name"] for item in page.items]
        assert version in ("", page.version)
        version, token = page.version, page.token
        if not token:
            break
    assert [name for name in names if name.startswith("one")] == ["one-0", "one-1", "one-2"]
    made = await api.create(CONFIG_MAPS, namespace, make_config_map("two"), manager=OURS)
    await api.delete(CONFIG_MAPS, namespace, "two", uid=made["metadata"]["uid"])
    events = api.watch(CONFIG_MAPS, namespace, version)
    first, second = await anext(events), await anext(events)
    assert (first.type, second.type) == ("ADDED", "DELETED")
    assert first.manifest["metadata"]["uid"] == made["metadata"]["uid"]
    assert int(second.manifest["metadata"]["resourceVersion"]) > int(version)


async def a_status_is_replaced_as_a_whole(api: KubeApi, namespace: str) -> None:
    made = await api.create(FUNCTIONS, namespace, make_function("one"), manager=HANDS)
    while True:
        try:
            status = {"codeSha256": "a", "observedGeneration": 1}
            made = await api.replace(
                FUNCTIONS, namespace, {**made, "status": status}, subresource="status"
            )
            assert made["status"] == status
            status = {"observedGeneration": 1}
            made = await api.replace(
                FUNCTIONS, namespace, {**made, "status": status}, subresource="status"
            )
        except ConflictError:  # where a controller runs it writes beside the case
            made = await api.get(FUNCTIONS, namespace, "one")
            continue
        assert made["status"] == status
        return


Case = Callable[[KubeApi, str], Awaitable[None]]
CASES: list[Case] = [
    names_are_taken_and_missed_by_type,
    a_write_of_an_older_version_conflicts,
    a_write_that_changes_nothing_keeps_the_version,
    a_delete_is_of_one_uid_and_one_version,
    lists_select_by_label_a_page_at_a_time,
    an_apply_that_drops_replicas_resets_them,
    an_apply_leaves_what_others_added_and_takes_back_what_is_ours,
    a_json_patch_replaces_a_whole_spec_and_its_defaults_come_again,
    a_selector_is_for_ever,
    a_status_is_written_by_itself,
    a_status_is_replaced_as_a_whole,
    a_watch_continues_a_list_of_several_pages,
    a_pod_without_a_node_goes_at_once,
]
