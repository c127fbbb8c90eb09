"""Priority classes: who gives way to whom on a full node, and where the chart makes none."""

import pytest

from charts.conftest import Manifest, Render
from charts.manifests import NAMESPACED, environment, named, of_kind, pod_templates

UNCLASSED = 0
"""What pods have that name no class, where no class is the cluster's default."""
AUTOSCALER_CUTOFF = -10
"""Pods of a lower priority make the cluster autoscaler add no node."""


def classes(objects: list[Manifest]) -> dict[str, Manifest]:
    found = of_kind(objects, "PriorityClass")
    return {
        manifest["metadata"]["name"].removeprefix("kubelambda-"): manifest for manifest in found
    }


def component(template: Manifest) -> str:
    return str(template["metadata"]["labels"]["app.kubernetes.io/component"])


def test_functions_give_way_to_the_platform_and_to_everybodys_pods(render: Render) -> None:
    found = classes(render())
    assert found["platform"]["value"] > found["functions"]["value"] > found["pool"]["value"]
    assert found["platform"]["preemptionPolicy"] == "PreemptLowerPriority"
    assert found["functions"]["value"] < UNCLASSED


def test_nothing_of_ours_displaces_anything_of_somebody_else(render: Render) -> None:
    """The platform takes room from functions alone; functions and the pool take it from nobody."""
    found = classes(render())
    assert found["platform"]["value"] <= UNCLASSED
    assert {found[name]["preemptionPolicy"] for name in ("functions", "pool")} == {"Never"}
    assert not any(manifest.get("globalDefault") for manifest in found.values())


def test_pods_of_functions_still_make_the_autoscaler_add_nodes(render: Render) -> None:
    assert min(kind["value"] for kind in classes(render()).values()) >= AUTOSCALER_CUTOFF


def test_every_pod_of_ours_has_the_platforms_class_and_functions_get_theirs(
    render: Render,
) -> None:
    for template in pod_templates(render()):
        if component(template) != "crds":
            assert template["spec"]["priorityClassName"] == "kubelambda-platform"
        if component(template) == "controller":
            assert environment(template)["KUBELAMBDA_PRIORITY_CLASS"] == "kubelambda-functions"


def test_the_upgrade_hook_names_no_class_that_this_upgrade_may_have_to_make(
    render: Render,
) -> None:
    """Hooks run before the chart's objects: a pod of a class that is not there is refused."""
    hook = named(render(), "Job", "kubelambda-crds")["spec"]["template"]
    assert "priorityClassName" not in hook["spec"]
    given = named(render("controller.priorityClassName=mine"), "Job", "kubelambda-crds")
    assert given["spec"]["template"]["spec"]["priorityClassName"] == "mine"


def test_a_component_may_have_a_class_of_its_own(render: Render) -> None:
    for template in pod_templates(render("gateway.priorityClassName=mine")):
        if component(template) == "gateway":
            assert template["spec"]["priorityClassName"] == "mine"


def test_existing_classes_take_the_place_of_the_charts(render: Render) -> None:
    objects = render("priorityClasses.platform=high", "priorityClasses.functions=low")
    assert set(classes(objects)) == {"pool"}
    controller = named(objects, "Deployment", "kubelambda-controller")["spec"]["template"]
    assert controller["spec"]["priorityClassName"] == "high"
    assert environment(controller)["KUBELAMBDA_PRIORITY_CLASS"] == "low"


@pytest.mark.parametrize("settings", [NAMESPACED, ("priorityClasses.create=false",)], ids=str)
def test_where_none_is_made_none_is_named(render: Render, settings: tuple[str, ...]) -> None:
    objects = render(*settings)
    assert not classes(objects)
    for template in pod_templates(objects):
        assert "priorityClassName" not in template["spec"]
        if component(template) == "controller":
            assert "KUBELAMBDA_PRIORITY_CLASS" not in environment(template)


def test_scope_namespaced_may_name_classes_that_are_there(render: Render) -> None:
    objects = render(*NAMESPACED, "priorityClasses.platform=high")
    assert not classes(objects)
    gateway = named(objects, "StatefulSet", "kubelambda-gateway")["spec"]["template"]
    assert gateway["spec"]["priorityClassName"] == "high"
