"""How pods come and go, and what outlives them."""

import yaml

from charts.conftest import CHART, Manifest, Render, run_helm
from charts.manifests import SMALL, environment, named, of_kind

OURS = ("controller", "gateway", "dispatcher")


def test_a_stopping_gateway_has_longer_than_its_drain(render: Render) -> None:
    spec = named(render("gateway.drainSeconds=60"), "StatefulSet", "kubelambda-gateway")["spec"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > 60
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == "kubelambda-gateway-headless"


def workload(objects: list[Manifest], component: str) -> Manifest:
    kind = "StatefulSet" if component == "gateway" else "Deployment"
    return named(objects, kind, f"kubelambda-{component}")


def test_there_are_two_of_each_role_by_default(render: Render) -> None:
    """One pod of ours may go at any time without a request or a cold start being refused."""
    assert [workload(render(), ours)["spec"]["replicas"] for ours in OURS] == [2, 2, 2]


def test_several_replicas_have_a_disruption_budget_and_one_has_none(render: Render) -> None:
    """A budget around a single pod would block the drain of its node for ever."""
    budgets = of_kind(render(), "PodDisruptionBudget")
    assert sorted(budget["metadata"]["name"] for budget in budgets) == [
        "kubelambda-controller",
        "kubelambda-dispatcher",
        "kubelambda-gateway",
    ]
    assert {budget["spec"]["maxUnavailable"] for budget in budgets} == {1}
    assert not of_kind(render(*SMALL), "PodDisruptionBudget")


def test_the_values_for_a_small_installation_are_one_of_each() -> None:
    values = yaml.safe_load((CHART / "values-small.yaml").read_text())
    assert values == {ours: {"replicas": 1} for ours in OURS}


def test_replicas_are_spread_over_nodes_and_a_full_node_holds_none_up(render: Render) -> None:
    objects = render()
    for component in OURS:
        template = workload(objects, component)["spec"]["template"]
        (spread,) = template["spec"]["topologySpreadConstraints"]
        assert spread["topologyKey"] == "kubernetes.io/hostname"
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
        chosen = spread["labelSelector"]["matchLabels"]
        assert chosen.items() <= template["metadata"]["labels"].items()


def test_a_deployment_of_one_starts_the_new_pod_before_the_old_one_goes(render: Render) -> None:
    for component in ("controller", "dispatcher"):
        strategy = workload(render(*SMALL), component)["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_names_stay_short_enough_for_a_long_release(render: Render) -> None:
    """A name is also a label of pods, with a hash of 11 characters behind it."""
    objects = render("fullnameOverride=" + "x" * 60)
    workloads = of_kind(objects, "Deployment", "StatefulSet", "Job")
    assert max(len(manifest["metadata"]["name"]) for manifest in workloads) <= 63 - 11
    assert max(len(manifest["metadata"]["name"]) for manifest in objects) <= 63


def test_an_external_queue_takes_the_place_of_ours(render: Render) -> None:
    objects = render("queue.url=nats://other:4222", "queue.existingSecret=other")
    assert not [
        manifest for manifest in objects if manifest["metadata"]["name"] == "kubelambda-nats"
    ]
    template = named(objects, "Deployment", "kubelambda-dispatcher")["spec"]["template"]
    assert environment(template)["KUBELAMBDA_QUEUE_URL"] == "nats://other:4222"
    assert "other" in [
        volume["secret"]["secretName"]
        for volume in template["spec"]["volumes"]
        if "secret" in volume
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
