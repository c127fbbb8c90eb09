"""The NetworkPolicy of a namespace: there before the first pod, gone after the last function."""

from collections.abc import Callable
from typing import Any

import pytest

from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.store import Store
from kubelambda.controller.network.network_policy import PolicyReconciler
from kubelambda.kube.errors import ForbiddenError, KubeError, NotFoundError, UnavailableError
from kubelambda.kube.memory import Event, MemoryApi, StoppedError
from kubelambda.kube.paths import FUNCTIONS, NETWORK_POLICIES
from kubelambda.kube.resources.labels import MANAGED_SELECTOR
from kubelambda.kube.resources.network_policy import (
    POLICY_NAME,
    NetworkRules,
    build_network_policy,
)
from unit.controller.controlled_cluster import NAMESPACE, make_function

RULES = NetworkRules([{"podSelector": {}}], 9001, ("10.0.0.0/8",))
ENDING = ForbiddenError(f"namespace {NAMESPACE} is being terminated")


class Namespace:
    """One namespace and the reconciler of its policy; the watches tell at once."""

    def __init__(self, api: MemoryApi | None = None) -> None:
        self.api = api or MemoryApi()
        self.store = Store()
        self.intake = Intake(self.store, lambda key: None)
        self.reconciler = PolicyReconciler(self.api, self.store, RULES)
        self.api.subscribe(self._hear, FUNCTIONS)
        self.api.subscribe(self._hear, NETWORK_POLICIES, MANAGED_SELECTOR)
        for resource in (FUNCTIONS, NETWORK_POLICIES):
            for manifest in self.api.find_all(resource):
                self.intake.take(resource.plural, manifest)

    def _hear(self, event: Event) -> None:
        plural = event.resource.plural
        if event.type == "DELETED":
            self.intake.drop(plural, event.manifest)
        else:
            self.intake.take(plural, event.manifest)

    async def reconcile(self) -> list[str]:
        """The verbs of the writes that it takes."""
        before = len(self.api.writes)
        await self.reconciler.reconcile(NAMESPACE)
        return [write.verb for write in self.api.writes[before:]]

    def find(self) -> dict[str, Any] | None:
        return self.api.find(NETWORK_POLICIES, NAMESPACE, POLICY_NAME)


def add_function(namespace: Namespace) -> None:
    namespace.api.seed(FUNCTIONS, make_function())


async def make_settled() -> Namespace:
    namespace = Namespace()
    add_function(namespace)
    await namespace.reconcile()
    return namespace


async def test_a_namespace_without_functions_gets_none() -> None:
    namespace = Namespace()
    assert await namespace.reconcile() == []
    assert namespace.find() is None


async def test_the_first_function_brings_one_and_nothing_is_written_after_that() -> None:
    namespace = Namespace()
    add_function(namespace)
    assert await namespace.reconcile() == ["apply"]
    found = namespace.find()
    assert found is not None
    assert found["spec"] == build_network_policy(NAMESPACE, RULES)["spec"]
    assert await namespace.reconcile() == []


async def test_it_goes_with_the_last_function() -> None:
    namespace = await make_settled()
    namespace.api.remove(FUNCTIONS, NAMESPACE, "hello")
    assert await namespace.reconcile() == ["delete"]
    assert namespace.find() is None
    assert await namespace.reconcile() == []


async def test_it_stays_where_a_list_finds_a_function_that_no_watch_has_told_of() -> None:
    """A pod of it would have no rules."""
    namespace = await make_settled()
    add = namespace.api.find(FUNCTIONS, NAMESPACE, "hello")
    assert add is not None
    namespace.store.remove_function((NAMESPACE, "hello"))
    assert await namespace.reconcile() == []
    assert namespace.find() is not None


async def test_what_others_have_added_goes_when_it_is_applied_again() -> None:
    """An apply leaves it, so that takes a second step."""
    namespace = await make_settled()

    def change(policy: dict[str, Any]) -> None:
        policy["spec"]["ingress"] = [{}]
        del policy["metadata"]["labels"]

    namespace.api.edit(NETWORK_POLICIES, NAMESPACE, POLICY_NAME, change)
    assert await namespace.reconcile() == ["apply", "patch"]
    found = namespace.find()
    assert found is not None
    assert found["spec"] == build_network_policy(NAMESPACE, RULES)["spec"]
    assert await namespace.reconcile() == []


async def test_what_a_webhook_makes_of_it_is_left() -> None:
    namespace = Namespace()

    def admit(resource: Any, manifest: dict[str, Any]) -> None:
        if resource == NETWORK_POLICIES:
            manifest["spec"]["policyTypes"] = ["Egress"]

    namespace.api.admit(admit)
    add_function(namespace)
    await namespace.reconcile()
    assert await namespace.reconcile() == []


@pytest.mark.parametrize(
    ("verb", "error", "raised"),
    [
        ("apply", ENDING, None),
        ("apply", NotFoundError("namespaces not found"), None),
        ("apply", ForbiddenError("no right to do this"), ForbiddenError),
        ("apply", UnavailableError("away"), UnavailableError),
    ],
    ids=["the namespace ends", "it has ended", "a right is missing", "no answer"],
)
async def test_only_an_ending_namespace_needs_no_policy(
    verb: str, error: KubeError, raised: type[KubeError] | None
) -> None:
    """Everything else is for the work queue to repeat, and for the log."""
    namespace = Namespace()
    add_function(namespace)
    namespace.api.fail_next(verb, "networkpolicies", error)
    if raised is None:
        await namespace.reconcile()
    else:
        with pytest.raises(raised):
            await namespace.reconcile()
    assert await namespace.reconcile() == ["apply"]


def edit(namespace: Namespace) -> None:
    change = {"metadata": {"labels": None}, "spec": {"ingress": [{}]}}
    namespace.api.edit(NETWORK_POLICIES, NAMESPACE, POLICY_NAME, change)


def remove_function(namespace: Namespace) -> None:
    namespace.api.remove(FUNCTIONS, NAMESPACE, "hello")


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, and not answered"])
@pytest.mark.parametrize("deed", [edit, remove_function], ids=["edited", "the last function goes"])
async def test_stopped_after_any_request_and_started_again_it_ends_the_same(
    deed: Callable[[Namespace], None], after: bool
) -> None:
    undisturbed = await make_settled()
    before = len(undisturbed.api.calls)
    deed(undisturbed)
    await undisturbed.reconcile()
    expected = undisturbed.find()
    calls = undisturbed.api.calls[before:]
    assert calls
    for number, call in enumerate(calls, start=1):
        namespace = await make_settled()
        deed(namespace)
        if after:
            namespace.api.stop_after(number)
            with pytest.raises(StoppedError):
                await namespace.reconcile()
            namespace.api.stop_after(None)
        else:
            namespace.api.fail_next(call.verb, call.resource, UnavailableError("away"))
            with pytest.raises(UnavailableError):
                await namespace.reconcile()
        again = Namespace(namespace.api)
        await again.reconcile()
        found = again.find()
        assert (found is None) == (expected is None)
        assert found is None or expected is None or found["spec"] == expected["spec"]
        assert await again.reconcile() == []
