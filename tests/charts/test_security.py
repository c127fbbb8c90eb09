"""What the chart lets its pods do: restricted security, few rights, few secrets."""

import pytest

from charts.conftest import Render
from charts.manifests import VARIANTS, named, of_kind, our_templates, pod_templates, rules


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_pod_passes_restricted_pod_security(render: Render, variant: tuple[str, ...]) -> None:
    templates = pod_templates(render(*variant))
    assert len(templates) >= 2
    for template in templates:
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert all({"secret", "emptyDir", "configMap"} & set(volume) for volume in spec["volumes"])
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_secrets_can_be_created_and_nothing_else(render: Render, variant: tuple[str, ...]) -> None:
    """Rule A3: who may read, list, watch or patch Secrets can learn them."""
    found = [rule for rule in rules(render(*variant)) if "secrets" in rule["resources"]]
    assert found
    assert all(rule["verbs"] == ["create"] for rule in found)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_config_maps_are_never_listed_nor_changed(render: Render, variant: tuple[str, ...]) -> None:
    """Code and values are read by name, and copied for published versions."""
    found = [rule for rule in rules(render(*variant)) if "configmaps" in rule["resources"]]
    assert found
    assert all(set(rule["verbs"]) <= {"get", "create"} for rule in found)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_no_rule_holds_a_wildcard_or_hands_out_rights(
    render: Render, variant: tuple[str, ...]
) -> None:
    for rule in rules(render(*variant)):
        assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert not {"serviceaccounts/token", "pods/exec", "roles"} & set(rule["resources"])


def test_gateways_may_only_read_functions(render: Render) -> None:
    objects = render()
    assert named(objects, "ClusterRole", "kubelambda-gateway")["rules"] == [
        {
            "apiGroups": ["kubelambda.io"],
            "resources": ["lambdafunctions", "lambdaversions", "lambdaaliases", "lambdalayers"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    subjects = [
        (manifest["roleRef"]["name"], subject["name"])
        for manifest in of_kind(objects, "RoleBinding", "ClusterRoleBinding")
        for subject in manifest["subjects"]
    ]
    assert [role for role, account in subjects if account == "kubelambda-gateway"] == [
        "kubelambda-gateway"
    ]


def test_the_crd_hook_may_touch_our_crds_only(render: Render) -> None:
    role = named(render(), "ClusterRole", "kubelambda-crds")
    create, change = role["rules"]
    assert create["verbs"] == ["create"]
    assert change["verbs"] == ["get", "patch"]
    assert change["resourceNames"] == [
        "lambdaaliases.kubelambda.io",
        "lambdafunctions.kubelambda.io",
        "lambdalayers.kubelambda.io",
        "lambdaruntimes.kubelambda.io",
        "lambdaversions.kubelambda.io",
    ]
    hooks = [manifest for manifest in render() if manifest["metadata"]["name"] == "kubelambda-crds"]
    assert {hook["metadata"]["annotations"]["helm.sh/hook"] for hook in hooks} == {"pre-upgrade"}
    assert not [
        manifest
        for manifest in render("crds.upgrade=false")
        if "crds" in manifest["metadata"]["name"]
    ]


def test_an_existing_master_secret_is_mounted_and_none_is_made(render: Render) -> None:
    objects = render("masterSecret.existingSecret=mine", "masterSecret.key=k")
    assert [manifest["metadata"]["name"] for manifest in of_kind(objects, "Secret")] == [
        "kubelambda-queue"
    ]
    for template in our_templates(objects):
        for volume in template["spec"]["volumes"]:
            if volume["name"] == "master":
                assert volume["secret"]["secretName"] == "mine"
                assert volume["secret"]["items"] == [{"key": "k", "path": "secret"}]


def test_only_gateway_and_dispatcher_hold_the_token_of_the_queue(render: Render) -> None:
    """Rule A8: nobody else can read or write events."""
    holders = {
        template["metadata"]["labels"]["app.kubernetes.io/component"]
        for template in pod_templates(render())
        if "kubelambda-queue" in str(template["spec"])
    }
    assert holders == {"gateway", "dispatcher", "nats"}
    policy = named(render(), "NetworkPolicy", "kubelambda-nats")["spec"]
    allowed = policy["ingress"][0]["from"]
    assert {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in allowed
    } == {"gateway", "dispatcher"}
