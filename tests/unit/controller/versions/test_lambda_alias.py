"""LambdaAliases: whose they are, what they mean, and what they say when they mean nothing."""

from kubelambda.core.model.revision_id import compute_revision_id
from kubelambda.kube.paths import ALIASES, FUNCTIONS, VERSIONS
from unit.controller.controlled_cluster import NAMESPACE, make_function
from unit.controller.versions.published_cluster import (
    PublishedCluster,
    make_alias,
    make_published,
)


async def test_an_alias_gets_its_owner_and_a_status() -> None:
    cluster = await make_published()
    cluster.api.seed(ALIASES, make_alias())
    await cluster.settle()
    alias = cluster.find(ALIASES, "hello.live")
    assert (
        alias["metadata"]["ownerReferences"][0]["uid"]
        == (cluster.find(FUNCTIONS, "hello")["metadata"]["uid"])
    )
    status = alias["status"]
    assert status["aliasName"] == "live"
    assert status["aliasArn"].endswith(":function:hello:live")
    uid, generation = alias["metadata"]["uid"], alias["metadata"]["generation"]
    assert status["revisionId"] == compute_revision_id(uid, generation)
    assert cluster.alias_condition() == ("True", "Ready", "Invocations run version 1.")


async def test_an_alias_is_moved_by_one_update_and_says_where() -> None:
    cluster = await make_published()
    cluster.api.seed(ALIASES, make_alias())
    await cluster.edit(timeout=4)
    await cluster.publish("hello.2")
    before = cluster.find(ALIASES, "hello.live")["status"]["revisionId"]
    config = {"additionalVersionWeights": {"2": 0.1}}
    cluster.api.edit(ALIASES, NAMESPACE, "hello.live", {"spec": {"routingConfig": config}})
    await cluster.settle()
    assert cluster.alias_condition()[2] == "Invocations run version 1, 10 % of them version 2."
    change = {"spec": {"routingConfig": None, "functionVersion": "2"}}
    cluster.api.edit(ALIASES, NAMESPACE, "hello.live", change)
    await cluster.settle()
    assert cluster.alias_condition()[2] == "Invocations run version 2."
    assert cluster.find(ALIASES, "hello.live")["status"]["revisionId"] != before


async def test_an_alias_waits_for_function_and_version() -> None:
    cluster = PublishedCluster((ALIASES, make_alias()))
    cluster.intake.enqueue_affected(ALIASES.plural, make_alias())
    await cluster.settle()
    assert cluster.alias_condition()[1] == "FunctionNotFound"
    cluster.api.seed(FUNCTIONS, make_function())
    await cluster.settle()
    assert cluster.alias_condition()[1] == "VersionNotFound"
    await cluster.publish()
    assert cluster.alias_condition()[0] == "True"


async def test_an_alias_whose_version_is_gone_says_so() -> None:
    cluster = await make_published()
    await cluster.edit(timeout=4)
    await cluster.publish("hello.2")
    cluster.api.seed(ALIASES, make_alias())
    await cluster.settle()
    cluster.api.remove(VERSIONS, NAMESPACE, "hello.1")
    await cluster.settle()
    status, reason, message = cluster.alias_condition()
    assert (status, reason) == ("False", "VersionNotFound")
    assert "version 1 of the function 'hello' does not exist" in message
    assert "published versions: 2" in message


async def test_of_two_objects_for_one_alias_the_older_one_counts() -> None:
    cluster = await make_published()
    cluster.api.seed(ALIASES, make_alias())
    cluster.now_s += 10
    cluster.api.seed(ALIASES, make_alias("hello.other", name="live"))
    await cluster.settle()
    assert cluster.alias_condition("hello.live")[0] == "True"
    assert cluster.alias_condition("hello.other")[1] == "DuplicateAlias"
    cluster.api.remove(ALIASES, NAMESPACE, "hello.live")
    await cluster.settle()
    assert cluster.alias_condition("hello.other")[0] == "True"


async def test_an_alias_that_cannot_be_read_says_so() -> None:
    cluster = await make_published()
    manifest = make_alias()
    manifest["spec"]["functionVersion"] = "newest"
    cluster.api.seed(ALIASES, manifest)
    await cluster.settle()
    assert cluster.alias_condition()[1] == "InvalidSpec"
