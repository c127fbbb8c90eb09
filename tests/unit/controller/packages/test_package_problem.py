"""Functions and layers whose packages are not there: what is said, what is made, who is asked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.function_status import build_status
from kubelambda.controller.function.plan import FunctionPlan, plan_function
from kubelambda.controller.packages.lambda_layer import build_layer_status
from kubelambda.controller.packages.package_problem import (
    Presence,
    find_package_problem,
    list_trusted,
)
from kubelambda.controller.records.layer_record import read_layer
from unit.controller.builders import NOW, PLATFORM, kinds, observe, read
from unit.controller.packages.test_lambda_layer import make_layer

A, B = "a" * 64, "b" * 64
CODE = {"code": {"package": A}}
LAYERED = {"layers": [{"name": "a", "version": 1}]}
LAYER = make_layer(content={"package": B})


def plan(presences: Mapping[str, Presence], **spec: Any) -> FunctionPlan:
    record, store = read(**spec), Store()
    store.put_layer(read_layer(LAYER))
    known = store.known_layers("apps", record.layers)
    return plan_function(
        record, replace(observe(record), layers=known, packages=presences), PLATFORM
    )


def test_a_package_that_is_there_stands_in_nobodys_way() -> None:
    found = plan({}, **CODE, **LAYERED)
    assert found.outcome.problem is None
    assert kinds(found) == ["CreateKeySecret"]


def test_a_missing_package_is_named_with_what_to_do_and_nothing_is_made() -> None:
    found = plan({A: Presence.MISSING}, **CODE)
    assert (found.outcome.problem.reason, found.outcome.stalled) == ("PackageNotFound", True)
    for words in (A, "code.package", "kubelambda package push DIR"):
        assert words in found.outcome.problem.message
    assert found.actions == ()


def test_a_function_says_which_layer_has_no_package() -> None:
    found = plan({B: Presence.MISSING}, **LAYERED)
    assert found.outcome.problem.reason == "PackageNotFound"
    assert f"no package {B} has been uploaded, which the layer a:1 names" in (
        found.outcome.problem.message
    )


def test_an_installation_without_a_store_is_said() -> None:
    found = plan({A: Presence.NO_STORE}, **CODE)
    assert (found.outcome.problem.reason, found.outcome.stalled) == ("PackageStoreMissing", True)
    assert "queue.url" in found.outcome.problem.message


def test_what_nobody_has_told_yet_is_on_its_way_and_comes_after_what_is_known() -> None:
    found = plan({A: Presence.UNKNOWN}, **CODE)
    assert (found.outcome.problem.reason, found.outcome.stalled) == ("Progressing", False)
    both = plan({A: Presence.UNKNOWN, B: Presence.MISSING}, **CODE, **LAYERED)
    assert both.outcome.problem.reason == "PackageNotFound"


def test_what_served_before_stays_in_the_status() -> None:
    """Its Deployment is scaled on: gateways serve the former version meanwhile."""
    before = plan({}, code={"package": B})
    status = build_status(read(), before.outcome, region="us-east-1", now=NOW)
    record = read(status=status, **CODE)
    after = plan({A: Presence.MISSING}, status=status, **CODE)
    written = build_status(record, after.outcome, region="us-east-1", now=NOW)
    assert written["revision"] == status["revision"]
    assert written["keySecretName"] == status["keySecretName"]
    assert written["conditions"][0]["status"] == "False"


def ready_status(generation: int = 1, status: str = "True") -> dict[str, Any]:
    return {
        "observedGeneration": generation,
        "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": NOW}],
    }


@pytest.mark.parametrize(
    ("status", "trusted"),
    [
        (ready_status(), {A}),
        (ready_status(generation=0), set()),
        (ready_status(status="False"), set()),
        ({}, set()),
    ],
    ids=["ready", "ready before the spec changed", "not ready", "new"],
)
def test_who_is_ready_is_not_asked_for_again(status: dict[str, Any], trusted: set[str]) -> None:
    """Not by a controller that has just started either, with gateways away or 1,000 functions."""
    assert list_trusted(read(status=status, **CODE), []) == trusted


def test_a_layer_that_is_ready_vouches_for_its_package() -> None:
    new, settled = read_layer(LAYER), read_layer({**LAYER, "status": ready_status()})
    assert list_trusted(read(**LAYERED), [new]) == set()
    assert list_trusted(read(**LAYERED), [settled]) == {B}
    inside = read_layer({**make_layer(), "status": ready_status()})
    assert list_trusted(read(**LAYERED), [inside]) == set(), "it is in its object, not uploaded"


def test_a_layer_that_was_deleted_is_asked_for_by_nobody() -> None:
    remembered = {"layers": [{"name": "gone", "version": 1, "codeSha256": "u7u7" * 10 + "u7s="}]}
    record = read(status=remembered, layers=[{"name": "gone", "version": 1}])
    assert record.layers[0].sha256
    presences = {record.layers[0].sha256: Presence.MISSING}
    found = plan_function(record, replace(observe(record), packages=presences), PLATFORM)
    assert found.outcome.problem is None


def test_a_layer_whose_package_is_missing_says_so_itself() -> None:
    record = read_layer(LAYER)
    for presence, reason, stalled in (
        (Presence.MISSING, "PackageNotFound", "True"),
        (Presence.NO_STORE, "PackageStoreMissing", "True"),
        (Presence.UNKNOWN, "Progressing", "False"),
    ):
        refusal = find_package_problem({B: "content.package"}, {B: presence})
        status = build_layer_status(record, refusal, region="us-east-1", now=NOW)
        found = {condition["type"]: condition for condition in status["conditions"]}
        assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", reason)
        assert found["Stalled"]["status"] == stalled
        assert "content.package" in found["Ready"]["message"]
