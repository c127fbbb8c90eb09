"""The objects that are made for functions."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from kubelambda.kube.paths import FUNCTIONS
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.function_objects import (
    build_deployment,
    build_key_secret,
    build_owner_reference,
)
from kubelambda.kube.resources.function_pod import (
    CodeRules,
    FunctionPod,
    build_direct_pod,
    build_pod_labels,
    build_pod_spec,
)
from kubelambda.kube.resources.network_policy import NetworkRules, build_network_policy
from kubelambda.kube.resources.quantities import format_cpu, format_mib, parse_cpu_millis

POD = FunctionPod(
    namespace="apps",
    function="hello",
    function_uid="uid-1",
    image="registry.example/python:3.13",
    image_pull_policy="IfNotPresent",
    bootstrap=("/var/runtime/bootstrap", "a b"),
    gateway_address="gateway:9001",
    key_secret="hello-key-0",
    key_generation=1,
    config_digest="0123456789abcdef",
    memory_mb=128,
    timeout_s=3,
    ephemeral_mb=512,
    cpu_limit_millis=1000,
    cpu_request_millis=7,
    values_from=(
        {"name": "TOKEN", "secretKeyRef": {"name": "s", "key": "k"}},
        {"name": "LEVEL", "configMapKeyRef": {"name": "c", "key": "k"}},
    ),
)
MAY_BE_ABSENT = {"optional": True}
SPEC = build_pod_spec(POD)
(CONTAINER,) = SPEC["containers"]
ENVIRONMENT: dict[str, Any] = {variable["name"]: variable for variable in CONTAINER["env"]}


def test_the_pod_meets_the_restricted_pod_security_standard() -> None:
    assert SPEC["securityContext"]["runAsNonRoot"] is True
    assert SPEC["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    kinds = {kind for volume in SPEC["volumes"] for kind in volume if kind != "name"}
    assert kinds == {"emptyDir", "projected"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & SPEC.keys()


def test_no_pod_has_a_service_account_token() -> None:
    """GHSA-85g2-pmrx-r49q: assert it on every kind of pod that we create."""
    assert SPEC["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in SPEC


def test_a_direct_pod_is_the_functions_own_and_never_starts_again() -> None:
    """Owned by the function object, which does not wait for it when it goes."""
    owner = build_owner_reference(FUNCTIONS, "hello", "uid-1")
    pod = build_direct_pod(
        namespace="apps",
        name_prefix="hello-0123456789-",
        owner=owner,
        pod_labels=build_pod_labels("uid-1", "0123456789"),
        pod_spec=SPEC,
    )
    assert pod["metadata"]["generateName"] == "hello-0123456789-"
    assert pod["metadata"]["ownerReferences"] == [{**owner, "blockOwnerDeletion": False}]
    assert pod["metadata"]["labels"] == build_pod_labels("uid-1", "0123456789")
    assert pod["spec"] == {**SPEC, "restartPolicy": "Never"}


def test_hands_on_a_template_cost_no_environment_before_the_changed_one_is_ready() -> None:
    """By then the template is as it was (F33)."""
    deployment = build_deployment(
        namespace="apps",
        name="hello-r",
        owner=build_owner_reference(FUNCTIONS, "hello", "uid-1"),
        function_uid="uid-1",
        revision="r",
        pod_spec=SPEC,
    )
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_termination_waits_for_the_longest_event() -> None:
    assert SPEC["terminationGracePeriodSeconds"] == 13


def test_the_environment_is_the_contract_with_the_agent() -> None:
    assert {name for name in ENVIRONMENT if not name.startswith("KUBELAMBDA_VALUE_")} == {
        "KUBELAMBDA_GATEWAY",
        "KUBELAMBDA_NAMESPACE",
        "KUBELAMBDA_FUNCTION",
        "KUBELAMBDA_FUNCTION_UID",
        "KUBELAMBDA_KEY",
        "KUBELAMBDA_KEY_GENERATION",
        "KUBELAMBDA_CONFIG_DIGEST",
        "KUBELAMBDA_REVISION",
        "KUBELAMBDA_POD",
        "KUBELAMBDA_POD_UID",
        "KUBELAMBDA_BOOTSTRAP",
    }
    assert json.loads(ENVIRONMENT["KUBELAMBDA_BOOTSTRAP"]["value"]) == list(POD.bootstrap)


def test_secrets_are_references_only() -> None:
    """GHSA-7m8x-qg2j-4m3v: no value of a Secret ever stands in a pod spec."""
    assert ENVIRONMENT["KUBELAMBDA_KEY"]["valueFrom"] == {
        "secretKeyRef": {"name": "hello-key-0", "key": "key"}
    }
    assert ENVIRONMENT["KUBELAMBDA_VALUE_TOKEN"]["valueFrom"] == {
        "secretKeyRef": {"name": "s", "key": "k"}
    }
    assert ENVIRONMENT["KUBELAMBDA_VALUE_LEVEL"]["valueFrom"] == {
        "configMapKeyRef": {"name": "c", "key": "k"}
    }


def test_a_changed_secret_reaches_the_agent_as_a_file_that_the_kubelet_keeps_up_to_date() -> None:
    """Rule A3: no process of ours reads Secrets, so the kubelet has to tell of changes."""
    (volume,) = (volume for volume in SPEC["volumes"] if volume["name"] == "values")
    items = {"items": [{"key": "k", "path": "TOKEN"}], "optional": True}
    level = {"items": [{"key": "k", "path": "LEVEL"}], "optional": True}
    assert volume["projected"]["sources"] == [
        {"secret": {"name": "s", **items}},
        {"configMap": {"name": "c", **level}},
    ]
    (mount,) = (mount for mount in CONTAINER["volumeMounts"] if mount["name"] == "values")
    assert mount == {"name": "values", "mountPath": "/var/run/kubelambda/values", "readOnly": True}


def test_optional_values_are_named_to_kubelet_and_agent() -> None:
    reference = {"name": "s", "key": "k"}
    values = (
        {"name": "ONE", "secretKeyRef": {**reference, "optional": True}},
        {"name": "TWO", "configMapKeyRef": {**reference, "optional": True}},
        {"name": "THREE", "secretKeyRef": {**reference, "optional": False}},
    )
    (container,) = build_pod_spec(replace(POD, values_from=values))["containers"]
    variables = {variable["name"]: variable for variable in container["env"]}
    assert variables["KUBELAMBDA_VALUE_ONE"]["valueFrom"]["secretKeyRef"]["optional"] is True
    assert "optional" not in variables["KUBELAMBDA_VALUE_THREE"]["valueFrom"]["secretKeyRef"]
    assert variables["KUBELAMBDA_VALUES_OPTIONAL"]["value"] == "ONE TWO"


def test_without_values_nothing_is_mounted_for_them() -> None:
    spec = build_pod_spec(replace(POD, values_from=()))
    assert [volume["name"] for volume in spec["volumes"]] == ["tmp", "task", "opt"]


def test_pods_that_fetch_code_know_from_where_they_may() -> None:
    rules = CodeRules(("minio.apps:9000", "10.0.0.9"), ("10.0.0.0/8", "fd00::/8"))
    added = added_variables(replace(POD, code_rules=rules))
    assert added == {
        "KUBELAMBDA_ALLOWED_CODE_HOSTS": {"value": "minio.apps:9000,10.0.0.9"},
        "KUBELAMBDA_PRIVATE_CIDRS": {"value": "10.0.0.0/8,fd00::/8"},
    }


def test_credentials_of_s3_are_references_that_may_be_absent() -> None:
    """Only for functions that need them; a pod without them starts and says what is missing."""
    keys = {
        "KUBELAMBDA_S3_ENDPOINT": "endpoint",
        "KUBELAMBDA_S3_REGION": "region",
        "KUBELAMBDA_S3_ACCESS_KEY_ID": "accessKeyId",
        "KUBELAMBDA_S3_SECRET_ACCESS_KEY": "secretAccessKey",
        "KUBELAMBDA_S3_SESSION_TOKEN": "sessionToken",
    }
    assert added_variables(replace(POD, uses_s3=True)) == {
        name: {
            "valueFrom": {"secretKeyRef": {"name": "kubelambda-s3", "key": key, **MAY_BE_ABSENT}}
        }
        for name, key in keys.items()
    }


def added_variables(pod: FunctionPod) -> dict[str, Any]:
    (container,) = build_pod_spec(pod)["containers"]
    return {
        variable["name"]: {key: variable[key] for key in variable if key != "name"}
        for variable in container["env"]
        if variable["name"] not in ENVIRONMENT
    }


def test_pods_of_functions_have_the_class_of_priority_that_the_installation_names() -> None:
    """Without one, as where the chart may make no cluster-wide object, the field is left out."""
    assert "priorityClassName" not in SPEC
    spec = build_pod_spec(replace(POD, priority_class="low"))
    assert spec["priorityClassName"] == "low"


def test_the_revision_does_not_hold_itself() -> None:
    """It comes from the label, so the hash of the spec does not depend on it."""
    path = ENVIRONMENT["KUBELAMBDA_REVISION"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == f"metadata.labels['{labels.REVISION}']"


def test_labels_carry_uids_and_hashes_only() -> None:
    own = build_pod_labels("uid-1", "0123456789")
    assert "hello" not in "".join(own.values())
    assert own[labels.NETWORK] == "default"


def test_a_deployment_names_no_replicas_and_keeps_no_history() -> None:
    deployment = build_deployment(
        namespace="apps",
        name="hello-0123456789",
        owner=build_owner_reference(FUNCTIONS, "hello", "uid-1"),
        function_uid="uid-1",
        revision="0123456789",
        pod_spec=SPEC,
    )
    assert "replicas" not in deployment["spec"]
    assert deployment["spec"]["revisionHistoryLimit"] == 0
    (owner,) = deployment["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("uid-1", True)


def test_the_key_secret_is_immutable_and_holds_the_key_in_hex() -> None:
    secret = build_key_secret(namespace="apps", name="n", owner={}, function_uid="u", key=bytes(32))
    assert secret["immutable"] is True
    assert base64.b64decode(secret["data"]["key"]) == b"00" * 32


RULES = NetworkRules(
    gateway_peers=[{"podSelector": {}}], gateway_port=9001, private_cidrs=("10.0.0.0/8", "fd00::/8")
)


def test_functions_reach_dns_the_gateway_and_public_addresses_only() -> None:
    spec = build_network_policy("apps", RULES)["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec, "nobody reaches a function pod"
    dns, gateway, public = spec["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert gateway == {
        "ports": [{"protocol": "TCP", "port": 9001}],
        "to": [{"podSelector": {}}],
    }
    blocks = {peer["ipBlock"]["cidr"]: peer["ipBlock"]["except"] for peer in public["to"]}
    assert blocks["0.0.0.0/0"] == ["10.0.0.0/8"]
    assert {"::1/128", "fc00::/7", "fe80::/10", "fd00::/8"} == set(blocks["::/0"])


QUANTITIES = [
    (format_cpu(72), "72m"),
    (format_cpu(1000), "1"),
    (format_cpu(5789), "5789m"),
    (format_mib(128), "128Mi"),
    (format_mib(1024), "1Gi"),
    (format_mib(10240), "10Gi"),
]


@pytest.mark.parametrize(("written", "canonical"), QUANTITIES)
def test_quantities_are_written_as_the_api_server_writes_them_back(
    written: str, canonical: str
) -> None:
    """Anything else would look like drift for ever."""
    assert written == canonical


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("72m", 72),
        ("1", 1000),
        ("0", 0),
        ("2", 2000),
        ("1.5", 1500),
        ("1k", 1_000_000),
        ("1Ki", 1_024_000),
        ("250000u", 250),
        ("250000000n", 250),
        ("2e3", 2_000_000),
        ("+.5", 500),
    ],
)
def test_cpu_quantities_are_read(text: str, millis: int) -> None:
    assert parse_cpu_millis(text) == millis


@pytest.mark.parametrize("text", ["", "m", "1.2.3", "one", "1 m", "inf", "nan"])
def test_what_is_no_quantity_is_told_from_one(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the type is the rule
        parse_cpu_millis(text)
