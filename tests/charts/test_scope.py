"""Where a release works: the whole cluster, or the namespaces named; and its runtimes in both."""

import yaml

from charts.conftest import Render
from charts.manifests import CLUSTER_SCOPED, NAMESPACED, environment, named, of_kind, our_templates
from kubelambda.api.v1alpha1.runtime import LambdaRuntime
from kubelambda.core.model.runtime_table import RUNTIMES, list_tested


def test_scope_namespaced_renders_nothing_cluster_wide(render: Render) -> None:
    objects = render(*NAMESPACED)
    assert not {manifest["kind"] for manifest in objects} & CLUSTER_SCOPED
    assert all(manifest["metadata"]["namespace"] for manifest in objects)
    assert not [
        manifest
        for manifest in objects
        if "helm.sh/hook" in manifest["metadata"].get("annotations", {})
    ]


def test_scope_namespaced_gives_rights_in_just_the_namespaces_named(render: Render) -> None:
    bindings = of_kind(render(*NAMESPACED), "RoleBinding")
    where = {
        (binding["metadata"]["name"], binding["metadata"]["namespace"]) for binding in bindings
    }
    assert where == {
        ("kubelambda-controller", "team-a"),
        ("kubelambda-controller", "team-b"),
        ("kubelambda-gateway", "team-a"),
        ("kubelambda-gateway", "team-b"),
        ("kubelambda-controller-own", "kl"),
    }
    for template in our_templates(render(*NAMESPACED)):
        assert environment(template)["KUBELAMBDA_WATCH_NAMESPACES"] == "team-a,team-b"


def test_scope_namespaced_without_namespaces_means_the_releases_own(render: Render) -> None:
    """An empty list never means all namespaces."""
    objects = render("rbac.scope=Namespaced")
    gateway = named(objects, "StatefulSet", "kubelambda-gateway")["spec"]["template"]
    assert environment(gateway)["KUBELAMBDA_DEFAULT_NAMESPACE"] == "kl"
    assert {manifest["metadata"]["namespace"] for manifest in of_kind(objects, "Role")} == {"kl"}
    for template in our_templates(objects):
        assert environment(template)["KUBELAMBDA_WATCH_NAMESPACES"] == "kl"


def test_runtimes_are_the_same_in_both_scopes(render: Render) -> None:
    runtimes = of_kind(render(), "LambdaRuntime")
    names = [LambdaRuntime.model_validate(runtime).metadata.name for runtime in runtimes]
    assert set(names) == set(list_tested())
    data = named(render(*NAMESPACED), "ConfigMap", "kubelambda-runtimes")["data"]
    assert [yaml.safe_load(data[f"{name}.yaml"]) for name in names] == runtimes
    controller = named(render(*NAMESPACED), "Deployment", "kubelambda-controller")
    variables = environment(controller["spec"]["template"])
    assert variables["KUBELAMBDA_RUNTIMES_CONFIG_MAP"] == "kubelambda-runtimes"


def test_a_runtime_says_its_languages_version_and_end_of_support(render: Render) -> None:
    specs = {
        runtime["metadata"]["name"]: LambdaRuntime.model_validate(runtime).spec
        for runtime in of_kind(render(), "LambdaRuntime")
    }
    for name, spec in specs.items():
        assert spec.language_version == RUNTIMES[name].version
        assert spec.end_of_support == str(RUNTIMES[name].support.end)


def test_a_runtime_can_be_added_and_left_out(render: Render) -> None:
    objects = render(
        "runtimes.python3_13.enabled=false",
        "runtimes.other.identifier=other1",
        "runtimes.other.image=x",
    )
    found = {
        manifest["metadata"]["name"]: manifest["spec"]["bootstrap"]
        for manifest in of_kind(objects, "LambdaRuntime")
    }
    assert "python3.13" not in found
    assert found["provided.al2023"] == []
    assert found["other1"] == found["java21"] == ["/var/runtime/bootstrap"]
