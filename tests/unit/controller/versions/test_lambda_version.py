"""LambdaVersions: published once, served like functions, gone with their function."""

import copy
from typing import Any

import pytest

from kubelambda.core.model.revision_id import compute_revision_id
from kubelambda.kube.errors import ForbiddenError
from kubelambda.kube.memory import Call
from kubelambda.kube.paths import (
    ALIASES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    SECRETS,
    VERSIONS,
)
from unit.controller.controlled_cluster import NAMESPACE, make_function
from unit.controller.versions.published_cluster import (
    PublishedCluster,
    make_alias,
    make_published,
    make_version,
)

LAYER = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaLayer",
    "metadata": {"name": "libs-1", "namespace": NAMESPACE},
    "spec": {"layerName": "libs", "version": 1, "content": {"inline": {"python/a.py": "x"}}},
}


async def test_a_version_gets_number_snapshot_owner_and_a_status_of_its_own() -> None:
    cluster = PublishedCluster((FUNCTIONS, make_function(description="of the function")))
    await cluster.settle()
    version = await cluster.publish()
    function = cluster.find(FUNCTIONS, "hello")
    assert version["spec"] == {
        "functionName": "hello",
        "version": 1,
        "description": "of the function",
        "snapshot": {key: function["spec"][key] for key in ("runtime", "handler", "code")},
    }
    (owner,) = version["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("LambdaFunction", function["metadata"]["uid"])
    assert owner["blockOwnerDeletion"] is False
    status = version["status"]
    assert cluster.version_condition() == ("True", "Ready", "Scales from zero on demand.")
    assert (status["version"], status["state"]) == (1, "Active")
    assert status["functionArn"].endswith(":function:hello:1")
    assert status["revision"] != ""
    assert cluster.status()["lastVersion"] == 1
    assert cluster.status()["versionCount"] == 1


async def test_a_version_that_comes_before_its_function_waits_for_it() -> None:
    cluster = PublishedCluster()
    version = await cluster.publish()
    assert "version" not in version["spec"]
    status, reason, message = cluster.version_condition()
    assert (status, reason) == ("False", "FunctionNotFound")
    assert "'hello'" in message
    assert cluster.condition("hello.1", "Stalled", VERSIONS)[0] == "True"
    cluster.api.seed(FUNCTIONS, make_function())
    await cluster.settle()
    assert cluster.version_condition()[0] == "True"
    assert cluster.number("hello.1") == 1


async def test_a_version_waits_until_its_function_is_ready() -> None:
    cluster = PublishedCluster((FUNCTIONS, make_function(runtime="cobol85")))
    await cluster.settle()
    await cluster.publish()
    assert cluster.version_condition()[1] == "FunctionNotReady"
    assert "cobol85" in cluster.version_condition()[2]
    await cluster.edit(runtime="python3.13")
    assert cluster.number("hello.1") == 1
    assert cluster.find(VERSIONS, "hello.1")["spec"]["snapshot"]["runtime"] == "python3.13"


async def test_a_guard_that_does_not_hold_publishes_nothing() -> None:
    cluster = PublishedCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    await cluster.publish("hello.a", codeSha256="YWJj")
    await cluster.publish("hello.b", revisionId="6f0a")
    assert cluster.version_condition("hello.a")[1] == "RevisionMismatch"
    assert cluster.version_condition("hello.b")[1] == "RevisionMismatch"
    status = cluster.status()
    metadata = cluster.find(FUNCTIONS, "hello")["metadata"]
    assert status["revisionId"] == compute_revision_id(metadata["uid"], metadata["generation"])
    await cluster.publish(
        "hello.c", codeSha256=status["codeSha256"], revisionId=status["revisionId"]
    )
    assert cluster.numbers() == {"hello.a": 0, "hello.b": 0, "hello.c": 1}
    assert "lastVersion" in cluster.status()


async def test_an_old_version_keeps_its_objects_when_the_function_moves_on() -> None:
    cluster = await make_published()
    cluster.make_environment("hello.1")
    before = cluster.rendered("hello.1")
    await cluster.edit(code={"inline": {"app.py": "new"}}, memorySize=256)
    await cluster.pass_time(30)
    assert cluster.rendered("hello.1") == before
    assert cluster.rendered("hello").revision != before.revision
    deployment = cluster.find(DEPLOYMENTS, before.deployment["metadata"]["name"])
    (owner,) = deployment["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("LambdaVersion", "hello.1")
    assert [pod["status"]["phase"] for pod in cluster.api.find_all(PODS)] == ["Running"]


async def test_names_of_what_a_version_owns_are_valid_and_its_own() -> None:
    """Also beside a function whose name is what dots become."""
    cluster = await make_published()
    cluster.api.seed(FUNCTIONS, make_function("hello-1"))
    await cluster.settle()
    names = []
    for name in ("hello.1", "hello-1"):
        rendered = cluster.rendered(name)
        names += [rendered.deployment["metadata"]["name"], rendered.key_secret_name]
    assert len(set(names)) == 4
    assert all("." not in name and name.startswith("hello-1-") for name in names)


async def test_the_same_code_and_configuration_are_the_same_version() -> None:
    cluster = await make_published()
    again = await cluster.publish("hello.again")
    assert again["spec"]["version"] == 1
    assert again["status"]["version"] == 1
    status, _, message = cluster.version_condition("hello.again")
    assert status == "True"
    assert "'hello.1'" in message
    assert "revision" not in again["status"]
    secrets = [secret["metadata"]["name"] for secret in cluster.api.find_all(SECRETS)]
    assert len(secrets) == 2, "of the function and of the older version"
    assert cluster.status()["versionCount"] == 1
    cluster.api.remove(VERSIONS, NAMESPACE, "hello.1")
    await cluster.settle()
    assert cluster.rendered("hello.again").revision, "serves when the older one has gone"
    assert cluster.version_condition("hello.again")[2] == "Scales from zero on demand."


async def test_versions_that_are_applied_together_are_published_one_after_the_other() -> None:
    cluster = PublishedCluster((FUNCTIONS, make_function()))
    for number in range(5):
        cluster.api.seed(VERSIONS, make_version(f"hello.v{number}"))
    await cluster.settle()
    assert set(cluster.numbers().values()) == {1}


async def test_numbers_grow_also_when_the_highest_version_was_deleted() -> None:
    cluster = await make_published()
    await cluster.edit(timeout=4)
    await cluster.publish("hello.2")
    cluster.api.remove(VERSIONS, NAMESPACE, "hello.2")
    await cluster.settle()
    assert cluster.status()["versionCount"] == 1
    await cluster.edit(timeout=5)
    await cluster.publish("hello.next")
    assert cluster.number("hello.next") == 3


async def test_an_edit_of_the_function_while_it_is_published_is_part_of_it_or_not_at_all() -> None:
    """The number is counted at the resource version that was judged."""
    cluster = PublishedCluster((FUNCTIONS, make_function(timeout=3)))
    await cluster.settle()
    edits = iter([4])

    def edit(call: Call) -> None:
        if (call.verb, call.resource) == ("patch", "lambdafunctions/status"):
            for timeout in edits:
                change = {"spec": {"timeout": timeout}}
                cluster.api.edit(FUNCTIONS, NAMESPACE, "hello", change)

    cluster.api.on_call = edit
    version = await cluster.publish()
    assert version["spec"]["snapshot"]["timeout"] == 4
    assert version["spec"]["version"] == 1


async def test_code_and_values_of_config_maps_are_copied_and_stay() -> None:
    code = {"metadata": {"name": "code", "namespace": NAMESPACE}, "data": {"app.py": "1"}}
    values = {"metadata": {"name": "settings", "namespace": NAMESPACE}, "data": {"level": "low"}}
    reference = {"name": "settings", "key": "level"}
    function = make_function(
        code={"configMapRef": {"name": "code"}},
        environment={"valuesFrom": [{"name": "LEVEL", "configMapKeyRef": reference}]},
    )
    cluster = PublishedCluster((CONFIG_MAPS, code), (CONFIG_MAPS, values), (FUNCTIONS, function))
    await cluster.settle()
    version = await cluster.publish()
    snapshot = version["spec"]["snapshot"]
    copied = cluster.find(CONFIG_MAPS, snapshot["code"]["configMapRef"]["name"])
    assert copied["immutable"] is True
    assert copied["data"] == {"app.py": "1"}
    assert copied["metadata"]["ownerReferences"][0]["uid"] == version["metadata"]["uid"]
    (value,) = snapshot["environment"]["valuesFrom"]
    assert cluster.find(CONFIG_MAPS, value["configMapKeyRef"]["name"])["data"] == {"LEVEL": "low"}
    revision = cluster.rendered("hello.1").revision
    for config_map in ("code", "settings"):
        cluster.api.remove(CONFIG_MAPS, NAMESPACE, config_map)
    await cluster.pass_time(60)
    assert cluster.condition()[1] == "CodeNotFound"
    assert cluster.version_condition()[0] == "True"
    assert cluster.rendered("hello.1").revision == revision
    cluster.api.calls.clear()
    await cluster.pass_time(60)
    assert not [call for call in cluster.api.calls if call.name == copied["metadata"]["name"]]


async def test_what_is_not_pinned_is_not_published_and_is_looked_at_again() -> None:
    reference = {"name": "settings", "key": "level"}
    function = make_function(
        environment={"valuesFrom": [{"name": "LEVEL", "configMapKeyRef": reference}]}
    )
    cluster = PublishedCluster((FUNCTIONS, function))
    await cluster.settle()
    await cluster.publish()
    assert cluster.version_condition()[1] == "NotPinned"
    assert "LEVEL" in cluster.version_condition()[2]
    settings = {"metadata": {"name": "settings", "namespace": NAMESPACE}, "data": {"level": "1"}}
    cluster.api.seed(CONFIG_MAPS, settings)
    await cluster.pass_time(30)
    assert cluster.number("hello.1") == 1


async def test_a_version_says_that_values_of_secrets_are_not_its_own() -> None:
    secret = {"name": "KEY", "secretKeyRef": {"name": "s", "key": "k"}}
    cluster = await make_published(environment={"valuesFrom": [secret]})
    assert "values of Secrets" in cluster.version_condition()[2]
    assert "Secrets" not in cluster.condition()[2]


async def test_a_version_keeps_the_layers_of_its_function_even_if_they_go_at_once() -> None:
    cluster = PublishedCluster(
        (LAYERS, LAYER), (FUNCTIONS, make_function(layers=[{"name": "libs", "version": 1}]))
    )
    await cluster.settle()

    def remove_layer(call: Call) -> None:
        if call.resource == "lambdaversions":
            cluster.api.on_call = lambda call: None
            cluster.api.remove(LAYERS, NAMESPACE, "libs-1")

    cluster.api.on_call = remove_layer
    version = await cluster.publish()
    assert cluster.version_condition()[0] == "True"
    assert version["status"]["layers"] == cluster.status()["layers"]


async def test_a_version_from_a_backup_is_taken_over_by_its_function() -> None:
    """With number and snapshot, which nobody changes; the numbers go on from there."""
    published = copy.deepcopy(await make_and_take_away())
    cluster = PublishedCluster((FUNCTIONS, make_function(timeout=9)))
    await cluster.settle()
    cluster.api.seed(VERSIONS, published)
    await cluster.settle()
    found = cluster.find(VERSIONS, "hello.1")
    uid = cluster.find(FUNCTIONS, "hello")["metadata"]["uid"]
    assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == [uid]
    assert cluster.version_condition()[0] == "True"
    await cluster.publish("hello.next")
    assert cluster.number("hello.next") == 2


async def make_and_take_away() -> dict[str, Any]:
    """A published LambdaVersion as a backup holds it."""
    version = (await make_published()).find(VERSIONS, "hello.1")
    return {
        **make_version(),
        "spec": version["spec"],
    }


async def test_two_objects_of_one_number_with_different_content_are_told_apart() -> None:
    published = await make_and_take_away()
    cluster = await make_published(timeout=9)
    published["metadata"]["name"] = "hello.other"
    cluster.now_s += 10
    cluster.api.seed(VERSIONS, published)
    await cluster.settle()
    assert cluster.version_condition("hello.other")[1] == "DuplicateVersion"
    assert cluster.version_condition("hello.1")[0] == "True"


async def test_a_version_of_a_deleted_function_is_not_taken_over_by_its_successor() -> None:
    """It is about to be deleted itself."""
    cluster = await make_published()
    cluster.api.remove(FUNCTIONS, NAMESPACE, "hello")
    cluster.api.seed(FUNCTIONS, make_function())
    await cluster.settle()
    assert cluster.version_condition()[1] == "FunctionNotFound"
    assert cluster.status()["versionCount"] == 0
    cluster.api.collect_garbage()
    await cluster.settle()
    assert cluster.numbers() == {}


@pytest.mark.parametrize("first", ["function", "version", "alias"])
async def test_deleted_in_any_order_nothing_is_left(first: str) -> None:
    cluster = PublishedCluster(
        (FUNCTIONS, make_function()),
        (VERSIONS, make_version()),
        (ALIASES, make_alias()),
    )
    await cluster.settle()
    cluster.make_environment("hello.1", replicas=0)
    order = [(FUNCTIONS, "hello"), (VERSIONS, "hello.1"), (ALIASES, "hello.live")]
    start = ["function", "version", "alias"].index(first)
    for resource, name in order[start:] + order[:start]:
        if cluster.api.find(resource, NAMESPACE, name) is not None:
            cluster.api.remove(resource, NAMESPACE, name)
        cluster.api.collect_garbage()
        await cluster.settle()
    kinds = (FUNCTIONS, VERSIONS, ALIASES, DEPLOYMENTS, SECRETS, CONFIG_MAPS, NETWORK_POLICIES)
    assert {kind.plural: cluster.api.find_all(kind) for kind in kinds} == {
        kind.plural: [] for kind in kinds
    }


async def test_a_refused_write_becomes_a_condition_and_is_tried_again() -> None:
    cluster = PublishedCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    cluster.api.refuse("patch", "lambdaversions", ForbiddenError("not allowed", status=403))
    await cluster.publish()
    assert cluster.version_condition()[1] == "Refused"
    await cluster.pass_time(600)
    assert cluster.status()["lastVersion"] == 1, "trying again uses no number up"
    cluster.api.permit()
    await cluster.pass_time(60)
    assert cluster.version_condition()[0] == "True"
    assert cluster.number("hello.1") == 1


@pytest.mark.parametrize(
    "spec",
    [
        {"functionName": 7},
        {"version": "x", "snapshot": {}},
        {"version": 3, "snapshot": {"code": 1}},
    ],
)
async def test_a_version_that_cannot_be_read_says_so(spec: dict[str, Any]) -> None:
    cluster = PublishedCluster((FUNCTIONS, make_function()))
    manifest = make_version()
    manifest["spec"] |= spec
    cluster.api.seed(VERSIONS, manifest)
    await cluster.settle()
    assert cluster.version_condition()[1] == "InvalidSpec"
    assert cluster.find(VERSIONS, "hello.1")["spec"] == manifest["spec"]


async def test_last_update_status_is_of_the_last_change_and_stays_once_it_went_well() -> None:
    cluster = await make_published()
    assert cluster.status()["lastUpdateStatus"] == "Successful"
    await cluster.edit(runtime="cobol85")
    status = cluster.status()
    assert status["lastUpdateStatus"] == "Failed"
    assert "cobol85" in status["lastUpdateStatusReason"]
    await cluster.edit(runtime="python3.13")
    assert cluster.status()["lastUpdateStatus"] == "Successful"
    assert "lastUpdateStatusReason" not in cluster.status()
