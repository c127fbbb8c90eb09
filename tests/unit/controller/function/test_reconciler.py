"""One reconcile of a LambdaFunction, step by step: its order, and what comes between its steps."""

import copy
from typing import Any

import pytest

from kubelambda.kube.errors import ConflictError, ForbiddenError, KubeError, UnavailableError
from kubelambda.kube.memory import Call
from kubelambda.kube.paths import FUNCTIONS, SECRETS
from unit.controller.controlled_cluster import NAMESPACE, ControlledCluster, make_function

KEY = (NAMESPACE, "hello")
STATUS = "lambdafunctions/status"


def uid_of(cluster: ControlledCluster) -> str:
    return str(cluster.find(FUNCTIONS, "hello")["metadata"]["uid"])


async def test_the_key_secret_is_there_before_anything_that_needs_it() -> None:
    """A pod that starts any earlier would miss its key."""
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    seen: list[tuple[str, bool, bool]] = []

    def look(call: Call) -> None:
        if call.verb in ("create", "patch"):
            is_known = cluster.revisions.find(uid_of(cluster)) is not None
            seen.append((call.resource, bool(cluster.api.find_all(SECRETS)), is_known))

    cluster.api.on_call = look
    await cluster.functions.reconcile(KEY)
    assert seen == [("secrets", False, False), (STATUS, True, True)]


async def test_a_reconcile_of_what_is_settled_writes_nothing() -> None:
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    cluster.api.calls.clear()
    await cluster.functions.reconcile(KEY)
    assert cluster.api.writes == []


async def test_a_spec_that_changes_before_the_status_is_written_is_a_conflict() -> None:
    """The status would speak of a spec that nobody has looked at."""
    cluster = ControlledCluster((FUNCTIONS, make_function()))

    def change(call: Call) -> None:
        if call.resource == STATUS:
            cluster.api.on_call = lambda call: None
            cluster.api.edit(FUNCTIONS, *KEY, {"spec": {"runtime": "cobol85"}})

    cluster.api.on_call = change
    with pytest.raises(ConflictError):
        await cluster.functions.reconcile(KEY)
    await cluster.settle()
    assert cluster.condition()[1] == "RuntimeNotFound"


async def test_a_function_that_is_deleted_meanwhile_is_nothing_to_worry_about() -> None:
    cluster = ControlledCluster((FUNCTIONS, make_function()))

    def delete(call: Call) -> None:
        if call.resource == STATUS and cluster.api.find(FUNCTIONS, *KEY):
            cluster.api.remove(FUNCTIONS, *KEY)

    cluster.api.on_call = delete
    assert await cluster.functions.reconcile(KEY) is None
    await cluster.settle()


async def test_what_is_refused_is_said_and_tried_again() -> None:
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    cluster.api.refuse("create", "secrets", ForbiddenError("exceeded quota: secrets"))
    assert await cluster.functions.reconcile(KEY) == 30.0
    assert cluster.condition()[1] == "QuotaExceeded"
    assert cluster.condition(kind="Stalled")[0] == "True"
    cluster.api.permit()
    assert await cluster.functions.reconcile(KEY) is None
    assert cluster.condition()[0] == "True"


async def test_in_an_ending_namespace_nothing_is_said_and_nothing_tried_again() -> None:
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    ending = ForbiddenError(f"namespace {NAMESPACE} is being terminated")
    cluster.api.refuse("create", "secrets", ending)
    assert await cluster.functions.reconcile(KEY) is None
    assert [write.resource for write in cluster.api.writes] == ["secrets"]


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, and not answered"])
@pytest.mark.parametrize("resource", ["secrets", STATUS])
async def test_a_request_without_an_answer_is_the_queues_to_repeat(
    resource: str, after: bool
) -> None:
    undisturbed = ControlledCluster((FUNCTIONS, make_function()))
    await undisturbed.settle()
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    verb = "create" if resource == "secrets" else "patch"
    error: KubeError = UnavailableError("no answer")
    cluster.api.fail_next(verb, resource, error, after=after)
    with pytest.raises(UnavailableError):
        await cluster.functions.reconcile(KEY)
    await cluster.functions.reconcile(KEY)
    assert describe(cluster) == describe(undisturbed)


def describe(cluster: ControlledCluster) -> dict[str, Any]:
    """The status, without what differs from object to object."""
    status = copy.deepcopy(cluster.find(FUNCTIONS, "hello")["status"])
    assert isinstance(status, dict)
    for condition in status["conditions"]:
        del condition["lastTransitionTime"]
    return status


async def test_a_function_that_has_gone_leaves_nothing_behind() -> None:
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    uid = uid_of(cluster)
    cluster.api.remove(FUNCTIONS, *KEY)
    assert await cluster.functions.reconcile(KEY) is None
    assert cluster.revisions.find(uid) is None


async def test_a_function_that_gets_a_problem_keeps_the_revision_that_serves_it() -> None:
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    uid, before = uid_of(cluster), cluster.find(FUNCTIONS, "hello")["status"]
    cluster.api.edit(FUNCTIONS, *KEY, {"spec": {"runtime": "cobol85"}})
    await cluster.settle()
    assert cluster.revisions.revision_of(uid) == before["revision"]
    assert cluster.find(FUNCTIONS, "hello")["status"]["revision"] == before["revision"]
