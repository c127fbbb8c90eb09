"""What reaches what: selectors, Services, ports, TLS, NetworkPolicies."""

import pytest

from charts.conftest import Render
from charts.manifests import VARIANTS, environment, named, of_kind, pod_templates


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_selector_finds_the_pods_it_is_for(render: Render, variant: tuple[str, ...]) -> None:
    objects = render(*variant)
    workloads = of_kind(objects, "Deployment", "StatefulSet")
    labels = {
        workload["metadata"]["name"]: workload["spec"]["template"]["metadata"]["labels"]
        for workload in workloads
    }
    for workload in workloads:
        assert (
            workload["spec"]["selector"]["matchLabels"].items()
            <= labels[workload["metadata"]["name"]].items()
        )
    for manifest in of_kind(objects, "Service", "NetworkPolicy", "PodDisruptionBudget"):
        spec = manifest["spec"]
        selector = spec["selector"] if manifest["kind"] == "Service" else spec.get("podSelector")
        selector = selector or spec["selector"]
        chosen = dict(selector.get("matchLabels", selector))
        chosen.pop("kubelambda.io/leader", None)
        wanted = manifest["metadata"]["name"].split("-")[1]
        matching = [name for name, own in labels.items() if chosen.items() <= own.items()]
        assert matching == [f"kubelambda-{wanted}"], manifest["metadata"]["name"]


def test_the_controllers_service_reaches_the_leader_only(render: Render) -> None:
    service = named(render(), "Service", "kubelambda-controller")
    assert service["spec"]["selector"]["kubelambda.io/leader"] == "true"
    labels = named(render(), "Deployment", "kubelambda-controller")["spec"]["template"]["metadata"]
    assert "kubelambda.io/leader" not in labels["labels"]


def test_services_lead_to_ports_that_containers_have(render: Render) -> None:
    objects = render()
    ports = {
        template["metadata"]["labels"]["app.kubernetes.io/component"]: {
            port["name"]: port["containerPort"]
            for port in template["spec"]["containers"][0].get("ports", [])
        }
        for template in pod_templates(objects)
    }
    for service in of_kind(objects, "Service"):
        component = service["spec"]["selector"]["app.kubernetes.io/component"]
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports[component]
    public = named(objects, "Service", "kubelambda-gateway")["spec"]
    assert [port["name"] for port in public["ports"]] == ["http"]


def test_demand_comes_in_from_gateways_only(render: Render) -> None:
    policy = named(render(), "NetworkPolicy", "kubelambda-controller")["spec"]
    (demand,) = [rule for rule in policy["ingress"] if rule["ports"][0]["port"] == "demand"]
    (peer,) = demand["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert "namespaceSelector" not in peer


def test_a_tls_secret_is_mounted_and_named_to_the_gateway(render: Render) -> None:
    """Without one the API is plain HTTP: the quick start needs no certificate."""
    template = named(render("gateway.tls.existingSecret=web"), "StatefulSet", "kubelambda-gateway")[
        "spec"
    ]["template"]
    variables = environment(template)
    assert variables["KUBELAMBDA_TLS_CERTIFICATE_FILE"] == "/etc/kubelambda/tls/tls.crt"
    assert {"name": "tls", "secret": {"secretName": "web"}} in template["spec"]["volumes"]
    plain = named(render(), "StatefulSet", "kubelambda-gateway")["spec"]["template"]
    assert "KUBELAMBDA_TLS_CERTIFICATE_FILE" not in environment(plain)
