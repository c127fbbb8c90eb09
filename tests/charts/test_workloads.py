"""How pods come and go, and what outlives them."""

from charts.conftest import CHART, Render, run_helm
from charts.manifests import MANY, environment, named, of_kind


def test_a_stopping_gateway_has_longer_than_its_drain(render: Render) -> None:
    spec = named(render("gateway.drainSeconds=60"), "StatefulSet", "kubelambda-gateway")["spec"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > 60
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == "kubelambda-gateway-headless"


def test_several_replicas_have_a_disruption_budget_and_one_has_none(render: Render) -> None:
    """A budget around a single pod would block the drain of its node for ever."""
    assert not of_kind(render(), "PodDisruptionBudget")
    assert len(of_kind(render(*MANY), "PodDisruptionBudget")) == 2


def test_names_stay_short_enough_for_a_long_release(render: Render) -> None:
    """A name is also a label of pods, with a hash of 11 characters behind it."""
    objects = render("fullnameOverride=" + "x" * 60)
    workloads = of_kind(objects, "Deployment", "StatefulSet", "Job")
    assert max(len(one["metadata"]["name"]) for one in workloads) <= 63 - 11
    assert max(len(one["metadata"]["name"]) for one in objects) <= 63


def test_an_external_queue_takes_the_place_of_ours(render: Render) -> None:
    objects = render("queue.url=nats://other:4222", "queue.existingSecret=other")
    assert not [one for one in objects if one["metadata"]["name"] == "kubelambda-nats"]
    template = named(objects, "Deployment", "kubelambda-dispatcher")["spec"]["template"]
    assert environment(template)["KUBELAMBDA_QUEUE_URL"] == "nats://other:4222"
    assert "other" in [
        one["secret"]["secretName"] for one in template["spec"]["volumes"] if "secret" in one
    ]


def test_events_outlive_their_pod_unless_somebody_says_otherwise(render: Render) -> None:
    """P2: the default is a volume; an emptyDir has to be asked for."""
    spec = named(render(), "StatefulSet", "kubelambda-nats")["spec"]
    assert spec["volumeClaimTemplates"]
    spec = named(render("nats.persistence.enabled=false"), "StatefulSet", "kubelambda-nats")["spec"]
    assert "volumeClaimTemplates" not in spec


def test_helm_lint_finds_nothing() -> None:
    done = run_helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout
