"""What the chart renders: restricted pods, few rights, selectors that match."""

from typing import Any

import pytest

from charts.conftest import CHART, Manifest, Render, run_helm, try_template
from kubelambda.api.v1alpha1.runtime import LambdaRuntime
from kubelambda.config import ControllerSettings, DispatcherSettings, GatewaySettings, Settings

NAMESPACED = ("rbac.scope=Namespaced", "rbac.namespaces={team-a,team-b}")
MANY = ("controller.replicas=2", "gateway.replicas=3")
VARIANTS = ((), NAMESPACED, MANY, ("masterSecret.existingSecret=mine",))
CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "LambdaRuntime",
    "Namespace",
    "PriorityClass",
}
SETTINGS: dict[str, type[Settings]] = {
    "controller": ControllerSettings,
    "gateway": GatewaySettings,
    "dispatcher": DispatcherSettings,
}


def of_kind(objects: list[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in objects if one["kind"] in kinds]


def named(objects: list[Manifest], kind: str, name: str) -> Manifest:
    return next(one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)


def pod_templates(objects: list[Manifest]) -> list[Manifest]:
    workloads = of_kind(objects, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
    return [one["spec"]["template"] for one in workloads]


def our_templates(objects: list[Manifest]) -> list[Manifest]:
    """Of pods that run a role of ours, with its settings."""
    return [
        one
        for one in pod_templates(objects)
        if one["metadata"]["labels"]["app.kubernetes.io/component"] in SETTINGS
    ]


def rules(objects: list[Manifest]) -> list[dict[str, Any]]:
    return [rule for one in of_kind(objects, "Role", "ClusterRole") for rule in one["rules"]]


def environment(template: Manifest) -> dict[str, str]:
    container = template["spec"]["containers"][0]
    return {one["name"]: one.get("value", "from-field") for one in container["env"]}


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_pod_passes_restricted_pod_security(render: Render, variant: tuple[str, ...]) -> None:
    templates = pod_templates(render(*variant))
    assert len(templates) >= 2
    for template in templates:
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert all({"secret", "emptyDir", "configMap"} & set(one) for one in spec["volumes"])
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
    """FAULTS section 4, rule 3: who may read, list, watch or patch Secrets can learn them."""
    found = [rule for rule in rules(render(*variant)) if "secrets" in rule["resources"]]
    assert found
    assert all(rule["verbs"] == ["create"] for rule in found)


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
            "resources": ["lambdafunctions", "lambdalayers"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    subjects = [
        (one["roleRef"]["name"], subject["name"])
        for one in of_kind(objects, "RoleBinding", "ClusterRoleBinding")
        for subject in one["subjects"]
    ]
    assert [role for role, account in subjects if account == "kubelambda-gateway"] == [
        "kubelambda-gateway"
    ]


def test_scope_namespaced_renders_nothing_cluster_wide(render: Render) -> None:
    objects = render(*NAMESPACED)
    assert not {one["kind"] for one in objects} & CLUSTER_SCOPED
    assert all(one["metadata"]["namespace"] for one in objects)
    assert not [one for one in objects if "helm.sh/hook" in one["metadata"].get("annotations", {})]


def test_scope_namespaced_gives_rights_in_just_the_namespaces_named(render: Render) -> None:
    bindings = of_kind(render(*NAMESPACED), "RoleBinding")
    where = {(one["metadata"]["name"], one["metadata"]["namespace"]) for one in bindings}
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
    assert {one["metadata"]["namespace"] for one in of_kind(objects, "Role")} == {"kl"}
    for template in our_templates(objects):
        assert environment(template)["KUBELAMBDA_WATCH_NAMESPACES"] == "kl"


def test_runtimes_are_the_same_in_both_scopes(render: Render) -> None:
    import yaml  # noqa: PLC0415  # the ConfigMap's values are YAML in YAML

    runtimes = of_kind(render(), "LambdaRuntime")
    names = [LambdaRuntime.model_validate(one).metadata.name for one in runtimes]
    wanted = {"python3.13", "nodejs22.x", "java21", "ruby3.3", "provided.al2023", "provided.al2"}
    assert set(names) == wanted
    data = named(render(*NAMESPACED), "ConfigMap", "kubelambda-runtimes")["data"]
    assert [yaml.safe_load(data[f"{name}.yaml"]) for name in names] == runtimes
    controller = named(render(*NAMESPACED), "Deployment", "kubelambda-controller")
    variables = environment(controller["spec"]["template"])
    assert variables["KUBELAMBDA_RUNTIMES_CONFIG_MAP"] == "kubelambda-runtimes"


def test_a_runtime_can_be_added_and_left_out(render: Render) -> None:
    objects = render(
        "runtimes.python3_13.enabled=false",
        "runtimes.dotnet8.enabled=true",
        "runtimes.other.identifier=other1",
        "runtimes.other.image=x",
    )
    found = {
        one["metadata"]["name"]: one["spec"]["bootstrap"]
        for one in of_kind(objects, "LambdaRuntime")
    }
    assert "python3.13" not in found
    assert found["provided.al2023"] == []
    assert found["other1"] == found["dotnet8"] == ["/var/runtime/bootstrap"]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_selector_finds_the_pods_it_is_for(render: Render, variant: tuple[str, ...]) -> None:
    objects = render(*variant)
    workloads = of_kind(objects, "Deployment", "StatefulSet")
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in workloads
    }
    for one in workloads:
        assert (
            one["spec"]["selector"]["matchLabels"].items()
            <= labels[one["metadata"]["name"]].items()
        )
    for one in of_kind(objects, "Service", "NetworkPolicy", "PodDisruptionBudget"):
        spec = one["spec"]
        selector = spec["selector"] if one["kind"] == "Service" else spec.get("podSelector")
        selector = selector or spec["selector"]
        chosen = dict(selector.get("matchLabels", selector))
        chosen.pop("kubelambda.io/leader", None)
        wanted = one["metadata"]["name"].split("-")[1]
        matching = [name for name, own in labels.items() if chosen.items() <= own.items()]
        assert matching == [f"kubelambda-{wanted}"], one["metadata"]["name"]


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


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_variable_is_a_setting_that_the_process_reads(
    render: Render, variant: tuple[str, ...]
) -> None:
    """A misspelt variable would be ignored by the process, in silence."""
    for template in pod_templates(render(*variant)):
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        if component in SETTINGS:
            variables = environment(template)
            kind = SETTINGS[component]
            known = {f"KUBELAMBDA_{name.upper()}" for name in kind.__dataclass_fields__}
            assert set(variables) <= known
            kind.from_environment(variables)


def test_registries_and_the_agents_image_reach_the_controller(render: Render) -> None:
    variables = controller_environment(
        render(
            'functions.allowedRegistries=["registry.example","http://10.0.0.1:5000"]',
            'functions.imagePullSecrets=["pull"]',
        )
    )
    settings = ControllerSettings.from_environment(variables)
    assert settings.allowed_registries == ("registry.example", "http://10.0.0.1:5000")
    assert settings.image_pull_secrets == ("pull",)
    assert settings.agent_image == "kubelambda/agent:0.1.0"


def controller_environment(objects: list[Manifest]) -> dict[str, str]:
    templates = (one for one in our_templates(objects))
    label = "app.kubernetes.io/component"
    return next(
        environment(one) for one in templates if one["metadata"]["labels"][label] == "controller"
    )


def test_defaults_of_the_chart_are_those_of_the_settings(render: Render) -> None:
    for template in pod_templates(render("fullnameOverride=kubelambda")):
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        if component in SETTINGS:
            found = SETTINGS[component].from_environment(environment(template))
            fixed = {
                "namespace",
                "pod_name",
                "pod_ip",
                "peers_name",
                "queue_url",
                "queue_token_file",
                "agent_image",
            }
            for name, field in SETTINGS[component].__dataclass_fields__.items():
                if name not in fixed | {"gateway_address", "gateway_selector", "controller_url"}:
                    assert getattr(found, name) == field.default, name


def test_a_stopping_gateway_has_longer_than_its_drain(render: Render) -> None:
    spec = named(render("gateway.drainSeconds=60"), "StatefulSet", "kubelambda-gateway")["spec"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > 60
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == "kubelambda-gateway-headless"


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


def test_several_replicas_have_a_disruption_budget_and_one_has_none(render: Render) -> None:
    """A budget around a single pod would block the drain of its node for ever."""
    assert not of_kind(render(), "PodDisruptionBudget")
    assert len(of_kind(render(*MANY), "PodDisruptionBudget")) == 2


def test_an_existing_master_secret_is_mounted_and_none_is_made(render: Render) -> None:
    objects = render("masterSecret.existingSecret=mine", "masterSecret.key=k")
    assert [one["metadata"]["name"] for one in of_kind(objects, "Secret")] == ["kubelambda-queue"]
    for template in our_templates(objects):
        for volume in template["spec"]["volumes"]:
            if volume["name"] == "master":
                assert volume["secret"]["secretName"] == "mine"
                assert volume["secret"]["items"] == [{"key": "k", "path": "secret"}]


def test_the_crd_hook_may_touch_our_crds_only(render: Render) -> None:
    role = named(render(), "ClusterRole", "kubelambda-crds")
    create, change = role["rules"]
    assert create["verbs"] == ["create"]
    assert change["verbs"] == ["get", "patch"]
    assert change["resourceNames"] == [
        "lambdafunctions.kubelambda.io",
        "lambdalayers.kubelambda.io",
        "lambdaruntimes.kubelambda.io",
    ]
    hooks = [one for one in render() if one["metadata"]["name"] == "kubelambda-crds"]
    assert {one["metadata"]["annotations"]["helm.sh/hook"] for one in hooks} == {"pre-upgrade"}
    assert not [one for one in render("crds.upgrade=false") if "crds" in one["metadata"]["name"]]


def test_names_stay_short_enough_for_a_long_release(render: Render) -> None:
    """A name is also a label of pods, with a hash of 11 characters behind it."""
    objects = render("fullnameOverride=" + "x" * 60)
    workloads = of_kind(objects, "Deployment", "StatefulSet", "Job")
    assert max(len(one["metadata"]["name"]) for one in workloads) <= 63 - 11
    assert max(len(one["metadata"]["name"]) for one in objects) <= 63


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("rbac.scope=Everything", "scope"),
        ("rbac.namespaces={Team A}", "namespaces"),
        ("controler.replicas=2", "controler"),
        ("gateway.replicas=0", "replicas"),
        ("gateway.replicas=257", "replicas"),
        ("gateway.replicas=many", "replicas"),
        ("gateway.service.nodePort=70000", "nodePort"),
        ("gateway.service.type=ExternalName", "type"),
        ("gateway.answersBytesMax=1000000", "answersBytesMax"),
        ("functions.cpuRequestFraction=1", "cpuRequestFraction"),
        ("functions.imagePullPolicy=Sometimes", "imagePullPolicy"),
        ("runtimes.python3_13.image=", "image"),
        ("runtimes.other.image=x", "identifier"),
        ("runtimes.python3_13.securityContext.privileged=true", "securityContext"),
        ("logLevel=LOUD", "logLevel"),
        ("network.privateCidrs={10.0.0.0}", "privateCidrs"),
    ],
)
def test_a_value_that_means_nothing_is_refused(setting: str, complaint: str) -> None:
    done = try_template(setting)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_hosts_that_code_may_come_from_reach_the_controller(render: Render) -> None:
    name = "KUBELAMBDA_ALLOWED_CODE_HOSTS"
    assert name not in environment(controller_template(render()))
    given = (
        'functions.allowedCodeHosts=["minio.apps.svc:9000","10.0.0.9","fd00::9","[fd00::9]:9000"]'
    )
    value = environment(controller_template(render(given)))[name]
    assert value == "minio.apps.svc:9000,10.0.0.9,fd00::9,[fd00::9]:9000"


@pytest.mark.parametrize("host", ["http://minio", "a/b", "a,b", "", "user@host"])
def test_an_allowed_code_host_is_a_host(host: str) -> None:
    done = try_template(f'functions.allowedCodeHosts=["{host}"]')
    assert done.returncode != 0
    assert "allowedCodeHosts" in done.stderr


def controller_template(objects: list[Manifest]) -> Manifest:
    return dict(named(objects, "Deployment", "kubelambda-controller")["spec"]["template"])


def test_helm_lint_finds_nothing() -> None:
    done = run_helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


def test_only_gateway_and_dispatcher_hold_the_token_of_the_queue(render: Render) -> None:
    """FAULTS rule 4.8: nobody else can read or write events."""
    holders = {
        template["metadata"]["labels"]["app.kubernetes.io/component"]
        for template in pod_templates(render())
        if "kubelambda-queue" in str(template["spec"])
    }
    assert holders == {"gateway", "dispatcher", "nats"}
    policy = named(render(), "NetworkPolicy", "kubelambda-nats")["spec"]
    allowed = policy["ingress"][0]["from"]
    assert {
        one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in allowed
    } == {"gateway", "dispatcher"}


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
