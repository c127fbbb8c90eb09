"""Values: each reaches the process that reads it, and one that means nothing is refused."""

import pytest

from charts.conftest import Manifest, Render, try_template
from charts.manifests import SETTINGS, VARIANTS, environment, named, pod_templates
from kubelambda.config import ControllerSettings


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
                "lease_owner",
                "priority_class",
            }
            for name, field in SETTINGS[component].__dataclass_fields__.items():
                if name not in fixed | {"gateway_address", "gateway_selector", "controller_url"}:
                    assert getattr(found, name) == field.default, name


def test_registries_and_the_agents_image_reach_the_controller(render: Render) -> None:
    objects = render(
        'functions.allowedRegistries=["registry.example","http://10.0.0.1:5000"]',
        'functions.imagePullSecrets=["pull"]',
    )
    variables = environment(controller_template(objects))
    settings = ControllerSettings.from_environment(variables)
    assert settings.allowed_registries == ("registry.example", "http://10.0.0.1:5000")
    assert settings.image_pull_secrets == ("pull",)
    assert settings.agent_image == "kubelambda/agent:0.1.0"


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


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("rbac.scope=Everything", "scope"),
        ("rbac.namespaces={Team A}", "namespaces"),
        ("controler.replicas=2", "controler"),
        ("controller.leaseDurationSeconds=1", "leaseDurationSeconds"),
        ("priorityClasses.platform=Not A Name", "platform"),
        ("gateway.replicas=0", "replicas"),
        ("gateway.replicas=257", "replicas"),
        ("gateway.replicas=many", "replicas"),
        ("gateway.service.nodePort=70000", "nodePort"),
        ("gateway.service.type=ExternalName", "type"),
        ("gateway.answersBytesMax=1000000", "answersBytesMax"),
        ("gateway.packageRetentionSeconds=59", "packageRetentionSeconds"),
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


def controller_template(objects: list[Manifest]) -> Manifest:
    return dict(named(objects, "Deployment", "kubelambda-controller")["spec"]["template"])
