"""What is written for a function: decisions of controller.plan."""

from dataclasses import replace
from typing import Any

import pytest

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.diagnosis.start_report import StartReport
from kubelambda.controller.function.actions import RepairDeployment
from kubelambda.controller.function.function_status import build_status
from kubelambda.controller.function.observed import Observed
from kubelambda.controller.function.plan import plan_function
from kubelambda.controller.function.render import render_function
from kubelambda.controller.network.plan import ApplyPolicy, DeletePolicy, ReplacePolicy, plan_policy
from kubelambda.controller.records.deployment_record import read_deployment
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.records.policy_record import PolicyRecord, read_policy
from kubelambda.core.model.status import read_function_status
from kubelambda.kube.resources.network_policy import NetworkRules, build_network_policy
from unit.controller.builders import (
    NOW,
    PLATFORM,
    RUNTIME,
    deployment_record,
    kinds,
    make_pod,
    observe,
    observed_deployment,
    read,
)


def settled(**spec: Any) -> Any:
    """A function whose status says what the plan would say."""
    record = read(**spec)
    outcome = plan_function(record, observe(record), PLATFORM).outcome
    status = build_status(record, outcome, region="us-east-1", now=NOW)
    return replace(record, status=read_function_status(status))


def test_a_new_function_gets_its_secret_and_no_deployment() -> None:
    """Those come with demand: 300 made by one kubectl apply would stop everybody's cold starts."""
    record = read()
    plan = plan_function(record, observe(record), PLATFORM)
    assert kinds(plan) == ["CreateKeySecret"]
    assert plan.inputs is not None
    assert plan.inputs.render(PLATFORM).revision == plan.outcome.revision
    assert plan.outcome.problem is None


def test_a_crash_after_the_secret_makes_the_same_secret_again() -> None:
    """F3: the name is derived, so a second POST meets the first one's object."""
    record = read()
    names = {render_function(record, RUNTIME, PLATFORM).key_secret_name for _ in range(2)}
    assert len(names) == 1


def test_a_settled_function_needs_no_write() -> None:
    record = settled()
    plan = plan_function(
        record, observe(record, deployments=(deployment_record(record),)), PLATFORM
    )
    assert plan.actions == ()
    assert record.status.says(build_status(record, plan.outcome, region="us-east-1", now="later"))


def test_replicas_are_never_repaired() -> None:
    """They belong to the scaler; the manifest to apply does not even name them."""
    record = settled()
    busy = deployment_record(record, replicas=5)
    assert plan_function(record, observe(record, deployments=(busy,)), PLATFORM).actions == ()
    assert "replicas" not in render_function(record, RUNTIME, PLATFORM).deployment["spec"]


def test_a_changed_pod_template_is_repaired() -> None:
    record = settled()
    manifest = observed_deployment(record)
    pod_spec = manifest["spec"]["template"]["spec"]
    tampered = {**manifest, "spec": {**manifest["spec"]}}
    template = {**manifest["spec"]["template"]}
    template["spec"] = {**pod_spec, "automountServiceAccountToken": True}
    tampered["spec"]["template"] = template
    around = observe(record, deployments=(read_deployment(tampered),))
    (action,) = plan_function(record, around, PLATFORM).actions
    assert isinstance(action, RepairDeployment)
    assert action.drift.endswith("automountServiceAccountToken")


def test_a_change_of_code_makes_another_revision_and_removes_the_empty_old_one() -> None:
    former = settled()
    record = replace(settled(code={"inline": {"app.py": "new"}}), status=former.status)
    old = deployment_record(former)
    first = plan_function(record, observe(record, deployments=(old,)), PLATFORM)
    assert kinds(first) == ["DeleteDeployment"], "the new one comes when there is demand"
    both = observe(record, deployments=(old, deployment_record(record)))
    assert kinds(plan_function(record, both, PLATFORM)) == ["DeleteDeployment"]


OCCUPIED = [
    ("it still asks for replicas", {"replicas": 1}, False),
    ("a pod of it is still there", {"replicas": 0}, True),
]


@pytest.mark.parametrize(
    ("old", "has_pod"), [c[1:] for c in OCCUPIED], ids=[c[0] for c in OCCUPIED]
)
def test_an_older_deployment_stays_while(old: dict[str, int], has_pod: bool) -> None:
    former = settled()
    record = replace(settled(memorySize=256), status=former.status)
    deployments = (deployment_record(former, **old), deployment_record(record))
    pods = (make_pod(revision=deployments[0].revision),) if has_pod else ()
    around = observe(record, deployments=deployments, pods=pods)
    assert plan_function(record, around, PLATFORM).actions == ()


def test_a_change_that_pods_do_not_see_keeps_the_revision() -> None:
    first = render_function(read(), RUNTIME, PLATFORM)
    second = render_function(read(description="x", tags={"a": "b"}), RUNTIME, PLATFORM)
    assert first.revision == second.revision


@pytest.mark.parametrize(
    "spec",
    [
        {"memorySize": 256},
        {"timeout": 9},
        {"ephemeralStorage": {"size": 1024}},
        {"handler": "other.handler"},
        {"environment": {"variables": {"AB": "c"}}},
        {
            "environment": {
                "valuesFrom": [{"name": "AB", "secretKeyRef": {"name": "s", "key": "k"}}]
            }
        },
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_a_change_that_pods_see_is_another_revision(spec: dict[str, Any]) -> None:
    changed = render_function(read(**spec), RUNTIME, PLATFORM)
    assert changed.revision != render_function(read(), RUNTIME, PLATFORM).revision


STALLED = [
    ("an unknown runtime", {"runtime": "cobol85"}, Reason.RUNTIME_NOT_FOUND, "python3.13"),
    ("a field without effect", {"role": "r"}, Reason.FEATURE_NOT_AVAILABLE, "role"),
    ("a spec that a newer CRD refuses", {"memorySize": 1}, Reason.INVALID_SPEC, "memorySize"),
]


@pytest.mark.parametrize(
    ("spec", "reason", "word"), [c[1:] for c in STALLED], ids=[c[0] for c in STALLED]
)
def test_what_cannot_work_is_stalled_and_nothing_is_made(
    spec: dict[str, Any], reason: Reason, word: str
) -> None:
    record = read(**spec)
    plan = plan_function(record, observe(record), PLATFORM)
    assert plan.actions == ()
    assert plan.outcome.stalled
    assert plan.outcome.problem.reason is reason
    assert word in plan.outcome.problem.message


def test_the_later_claimant_of_a_name_is_stalled() -> None:
    older, later = read(name="a", uid="1"), read(name="b", uid="2")
    plan = plan_function(later, observe(older, later), PLATFORM)
    assert plan.outcome.problem.reason is Reason.DUPLICATE_FUNCTION_NAME
    assert "'a'" in plan.outcome.problem.message
    assert plan_function(older, observe(older, later), PLATFORM).outcome.problem is None


def test_stalling_keeps_what_served_before() -> None:
    """A restart must still find the key Secret's name and the revision."""
    record = settled()
    plan = plan_function(record, observe(record, runtimes={}), PLATFORM)
    status = build_status(record, plan.outcome, region="us-east-1", now=NOW)
    assert status["keySecretName"] == record.status.key_secret_name
    assert status["revision"] == record.status.revision


def test_transition_times_change_only_with_the_status_of_a_condition() -> None:
    record = settled()
    outcome = plan_function(record, observe(record, runtimes={}), PLATFORM).outcome
    stalled = build_status(record, outcome, region="us-east-1", now="later")
    times = {
        condition["type"]: condition["lastTransitionTime"] for condition in stalled["conditions"]
    }
    assert times == {"Ready": "later", "Stalled": "later", "Reconciling": NOW}


RULES = NetworkRules([{"podSelector": {}}], 9001, ("10.0.0.0/8",))
POLICY = build_network_policy("apps", RULES)


def observed_policy(**spec: Any) -> PolicyRecord:
    metadata = {**POLICY["metadata"], "uid": "u", "resourceVersion": "3"}
    return read_policy({**POLICY, "metadata": metadata, "spec": {**POLICY["spec"], **spec}})


def test_a_policy_follows_the_functions_of_its_namespace() -> None:
    """Made with the first, repaired, left alone, deleted with the last; none for nobody."""
    assert plan_policy(desired=POLICY, observed=None, has_functions=True) == ApplyPolicy(POLICY)
    drifted = observed_policy(egress=[{}])
    planned = plan_policy(desired=POLICY, observed=drifted, has_functions=True)
    assert planned == ReplacePolicy(POLICY, drifted, ".spec.egress")
    assert plan_policy(desired=POLICY, observed=observed_policy(), has_functions=True) is None
    same = observed_policy()
    gone = plan_policy(desired=POLICY, observed=same, has_functions=False)
    assert gone == DeletePolicy(same)
    assert plan_policy(desired=POLICY, observed=None, has_functions=False) is None


def conditions(record: FunctionRecord, around: Observed) -> dict[str, tuple[str, str, str]]:
    outcome = plan_function(record, around, PLATFORM).outcome
    status = build_status(record, outcome, region="us-east-1", now=NOW)
    return {
        condition["type"]: (condition["status"], condition["reason"], condition["message"])
        for condition in status["conditions"]
    }


def unschedulable(record: FunctionRecord) -> PodRecord:
    revision = render_function(record, RUNTIME, PLATFORM).revision
    words = "0/1 nodes are available: 1 Insufficient memory."
    return make_pod(revision=revision, pending=True, start_error=("Unschedulable", words))


def test_a_function_that_serves_is_ready_and_says_what_it_lacks() -> None:
    """Entry 15: the gateway knows a lack of room by its reason, whatever the condition."""
    record = read()
    lacking = unschedulable(record)
    running = replace(lacking, pending=False, start_error=("", ""))
    kind, reason, message = conditions(record, observe(record, pods=(running, lacking)))["Ready"]
    assert (kind, reason) == ("True", "Unschedulable")
    assert "1 of 2 environments cannot be scheduled" in message


def test_a_function_without_any_environment_that_serves_is_not_ready() -> None:
    record = read()
    found = conditions(record, observe(record, pods=(unschedulable(record),)))
    assert found["Ready"][:2] == ("False", "Unschedulable")
    assert found["Stalled"][:2] == ("True", "Unschedulable")


def test_failed_starts_concern_the_revision_that_failed() -> None:
    """Entry 5: another revision is tried at once."""
    record = read()
    broken = StartReport("another", failures=5, cause="exit code 1", held_s=60.0)
    around = replace(observe(record), start=broken)
    assert conditions(record, around)["Ready"][0] == "True"
    own = replace(broken, revision=render_function(record, RUNTIME, PLATFORM).revision)
    found = conditions(record, replace(observe(record), start=own))
    assert found["Ready"][:2] == ("False", "ContainerStartFailed")
    assert "exit code 1" in found["Stalled"][2]
