"""A controller that is killed after any of its requests: numbers are skipped, never used twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.controller.cache.kinds import KINDS
from kubelambda.kube.errors import UnavailableError
from kubelambda.kube.memory import StoppedError
from kubelambda.kube.paths import ALIASES, CONFIG_MAPS, FUNCTIONS, LAYERS, SECRETS, VERSIONS
from unit.controller.controlled_cluster import NAMESPACE, make_function
from unit.controller.versions.published_cluster import (
    PublishedCluster,
    make_alias,
    make_version,
)
from unit.controller.versions.test_lambda_version import LAYER

CODE = {"metadata": {"name": "code", "namespace": NAMESPACE}, "data": {"app.py": "x"}}
ENDING_S = 30.0


def publish_with_everything(cluster: PublishedCluster) -> None:
    cluster.api.seed(LAYERS, LAYER)
    cluster.api.seed(CONFIG_MAPS, CODE)
    code = {"configMapRef": {"name": "code"}}
    layers = [{"name": "libs", "version": 1}]
    cluster.api.seed(FUNCTIONS, make_function(code=code, layers=layers))
    cluster.api.seed(VERSIONS, make_version("hello.a"))
    cluster.api.seed(ALIASES, make_alias())


def publish_by_itself(cluster: PublishedCluster) -> None:
    cluster.api.seed(FUNCTIONS, make_function(publish=True))


def publish_two(cluster: PublishedCluster) -> None:
    cluster.api.seed(FUNCTIONS, make_function())
    cluster.api.seed(VERSIONS, make_version("hello.a"))
    cluster.api.seed(VERSIONS, make_version("hello.b"))


def describe(cluster: PublishedCluster) -> list[Any]:
    """What there is, apart from the numbers."""
    kinds = (VERSIONS, CONFIG_MAPS, SECRETS)
    names = [one["metadata"]["name"] for kind in kinds for one in cluster.api.find_all(kind)]
    conditions = [
        cluster.condition(one["metadata"]["name"], resource=kind)[:2]
        for kind in (VERSIONS, FUNCTIONS)
        for one in cluster.api.find_all(kind)
    ]
    different = len(set(cluster.numbers().values()))
    count = cluster.status()["versionCount"]
    return [[name for name in names if "-key-" not in name], conditions, different, count]


@pytest.mark.parametrize("deed", [publish_with_everything, publish_by_itself, publish_two])
async def test_stopped_after_any_request_one_version_comes_of_it(
    deed: Callable[[PublishedCluster], None],
) -> None:
    undisturbed = PublishedCluster()
    deed(undisturbed)
    await undisturbed.pass_time(ENDING_S)
    expected, requests = describe(undisturbed), len(undisturbed.api.calls)
    assert requests > 0
    for number in range(1, requests + 1):
        cluster = PublishedCluster()
        deed(cluster)
        cluster.api.stop_after(number)
        with pytest.raises(StoppedError):
            await cluster.pass_time(ENDING_S)
        cluster.api.stop_after(None)
        await cluster.restart()
        await cluster.pass_time(ENDING_S)
        assert describe(cluster) == expected, f"stopped after request {number}"
        cluster.api.calls.clear()
        await cluster.restart()
        await cluster.pass_time(ENDING_S)
        assert cluster.api.writes == [], "a restart writes nothing"


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, and not answered"])
async def test_a_request_without_an_answer_is_repeated(after: bool) -> None:
    undisturbed = PublishedCluster()
    publish_with_everything(undisturbed)
    await undisturbed.settle()
    writes = dict.fromkeys((write.verb, write.resource) for write in undisturbed.api.writes)
    for verb, resource in writes:
        cluster = PublishedCluster()
        publish_with_everything(cluster)
        cluster.api.fail_next(verb, resource, UnavailableError("no answer"), after=after)
        while cluster.keys:
            key = next(iter(cluster.keys))
            try:
                await cluster.settle()
            except UnavailableError:
                cluster.keys[key] = None
        assert describe(cluster) == describe(undisturbed), f"{verb} {resource}"


def join(first: PublishedCluster) -> PublishedCluster:
    """Another controller on the same cluster, which believes that it leads, too."""
    second = PublishedCluster()
    second.api = first.api
    for kind in KINDS:
        first.api.subscribe(second.hear, kind.resource, kind.selector)
    return second


@pytest.mark.parametrize("delay", range(12))
async def test_two_leaders_use_no_number_twice_and_change_no_version(delay: int) -> None:
    """Whoever comes second meets a conflict; ``PublishedCluster`` holds versions to what they are.

    The second leader is so many requests behind, and told of everything late.
    """
    first = PublishedCluster((FUNCTIONS, make_function(publish=True)))
    await first.settle()
    second = join(first)
    await second.restart()
    await second.settle()
    second.hold_events()
    first.api.seed(VERSIONS, make_version("hello.a"))
    first.api.seed(VERSIONS, make_version("hello.b"))
    first.api.edit(FUNCTIONS, NAMESPACE, "hello", {"spec": {"timeout": 7}})
    second.release_events()

    async def follow() -> None:
        for _ in range(delay):
            await asyncio.sleep(0)
        await second.settle()

    await asyncio.gather(first.settle(), follow())
    await first.pass_time(ENDING_S)
    await second.pass_time(ENDING_S)
    by_number: dict[int, Any] = {}
    for spec in first.seen.values():
        assert by_number.setdefault(spec["version"], spec["snapshot"]) == spec["snapshot"]
    assert by_number[max(by_number)]["timeout"] == 7
    assert 0 not in first.numbers().values()
    assert first.status()["lastVersion"] == max(by_number)


_STEPS = st.one_of(
    st.tuples(st.just("edit"), st.integers(1, 3)),
    st.tuples(st.just("publish"), st.integers(1, 12)),
    st.tuples(st.just("delete"), st.integers(0, 5)),
    st.tuples(st.just("restart"), st.just(0)),
)


@settings(max_examples=40)
@given(st.lists(_STEPS, max_size=12))
async def test_whatever_happens_numbers_grow_and_versions_stay(
    steps: list[tuple[str, int]],
) -> None:
    """``publish`` stops the controller after so many requests, and starts another one."""
    cluster = PublishedCluster((FUNCTIONS, make_function(timeout=1)))
    await cluster.settle()
    highest = 0
    for position, (step, value) in enumerate(steps):
        if step == "edit":
            await cluster.edit(timeout=value)
        elif step == "restart":
            await cluster.restart()
            await cluster.settle()
        elif step == "delete":
            for name in list(cluster.numbers())[value : value + 1]:
                cluster.api.remove(VERSIONS, NAMESPACE, name)
            await cluster.settle()
        else:
            before = cluster.numbers()
            number = await publish_and_stop(cluster, f"hello.v{position}", value)
            last = max(before.values(), default=0)
            assert number > highest or number == last
            highest = max(highest, number)
    for spec in cluster.seen.values():
        others = [one for one in cluster.seen.values() if one["version"] == spec["version"]]
        assert all(one["snapshot"] == spec["snapshot"] for one in others)


async def publish_and_stop(cluster: PublishedCluster, name: str, requests: int) -> int:
    cluster.api.seed(VERSIONS, make_version(name))
    cluster.api.stop_after(requests)
    try:
        await cluster.settle()
    except StoppedError:
        cluster.api.stop_after(None)
        await cluster.restart()
    cluster.api.stop_after(None)
    await cluster.settle()
    return cluster.number(name)
