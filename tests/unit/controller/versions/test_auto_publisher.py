"""publish: true gives one version for each change of code or configuration."""

from kubelambda.kube.paths import CONFIG_MAPS, FUNCTIONS, VERSIONS
from unit.controller.controlled_cluster import NAMESPACE, make_function
from unit.controller.versions.published_cluster import PublishedCluster, make_version


async def make_cluster() -> PublishedCluster:
    cluster = PublishedCluster((FUNCTIONS, make_function(publish=True)))
    await cluster.settle()
    return cluster


async def test_every_change_is_published_and_nothing_else() -> None:
    cluster = await make_cluster()
    assert cluster.numbers() == {"hello.1": 1}
    await cluster.edit(timeout=4)
    assert cluster.numbers() == {"hello.1": 1, "hello.2": 2}
    await cluster.edit(tags={"a": "b"}, reservedConcurrentExecutions=3)
    await cluster.pass_time(60)
    assert cluster.numbers() == {"hello.1": 1, "hello.2": 2}
    await cluster.edit(timeout=3)
    assert cluster.numbers() == {"hello.1": 1, "hello.2": 2, "hello.3": 3}
    assert cluster.condition("hello.3", resource=VERSIONS)[0] == "True"


async def test_without_publish_nothing_is() -> None:
    cluster = PublishedCluster((FUNCTIONS, make_function(publish=False)))
    await cluster.settle()
    await cluster.edit(timeout=4)
    assert cluster.numbers() == {}
    await cluster.edit(publish=True)
    assert cluster.numbers() == {"hello.1": 1}


async def test_a_function_that_cannot_work_is_not_published() -> None:
    cluster = await make_cluster()
    await cluster.edit(runtime="cobol85")
    assert cluster.numbers() == {"hello.1": 1}
    await cluster.edit(runtime="python3.13")
    assert cluster.numbers() == {"hello.1": 1}


async def test_a_name_that_somebody_has_taken_is_passed_over() -> None:
    cluster = PublishedCluster()
    cluster.api.seed(VERSIONS, make_version("hello.1", revisionId="6f0a"))
    cluster.api.seed(FUNCTIONS, make_function(publish=True))
    await cluster.settle()
    assert cluster.numbers() == {"hello.1": 0, "hello.2": 1}


async def test_a_name_that_was_taken_unseen_is_looked_at_again() -> None:
    """As by another leader, whose object the watch has not told of yet."""
    cluster = PublishedCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    cluster.hold_events()
    cluster.api.seed(VERSIONS, make_version("hello.1"))
    cluster.release_events(times=0)
    await cluster.edit(publish=True)
    assert cluster.numbers() == {"hello.1": 0}, "nothing of ours"
    cluster.intake.take(VERSIONS.plural, cluster.find(VERSIONS, "hello.1"))
    cluster.intake.enqueue_affected(VERSIONS.plural, cluster.find(VERSIONS, "hello.1"))
    await cluster.pass_time(10)
    assert cluster.numbers() == {"hello.1": 1}


async def test_code_of_a_config_map_is_published_when_it_changes() -> None:
    code = {"metadata": {"name": "code", "namespace": NAMESPACE}, "data": {"app.py": "1"}}
    function = make_function(publish=True, code={"configMapRef": {"name": "code"}})
    cluster = PublishedCluster((CONFIG_MAPS, code), (FUNCTIONS, function))
    await cluster.pass_time(10)
    assert cluster.numbers() == {"hello.1": 1}
    cluster.api.edit(CONFIG_MAPS, NAMESPACE, "code", {"data": {"app.py": "2"}})
    await cluster.pass_time(20)
    assert cluster.numbers() == {"hello.1": 1, "hello.2": 2}


async def test_what_cannot_be_pinned_is_said_by_the_version_that_is_wanted() -> None:
    code = {"s3Bucket": "code", "s3Key": "app.zip"}
    cluster = PublishedCluster((FUNCTIONS, make_function(publish=True, code=code)))
    await cluster.settle()
    assert cluster.version_condition("hello.1")[1] == "NotPinned"
    await cluster.pass_time(60)
    await cluster.edit(code={**code, "s3ObjectVersion": "7"})
    assert cluster.numbers() == {"hello.1": 1}


async def test_what_was_compared_is_not_fetched_again() -> None:
    cluster = await make_cluster()
    cluster.api.calls.clear()
    for _ in range(3):
        cluster.intake.enqueue_affected(FUNCTIONS.plural, make_function())
        await cluster.settle()
    assert cluster.api.calls == []
