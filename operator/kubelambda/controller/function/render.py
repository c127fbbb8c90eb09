"""From a function, or a published version of one, and its runtime to the objects that serve it.

Contract: pure. The same inputs always give the same names, revision and content, on every
controller, so that repeating a write is harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kubelambda.config import ControllerSettings
from kubelambda.controller.function.cpu_size import compute_init_millis, compute_request_millis
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.runtime_record import RuntimeRecord
from kubelambda.core.images.config import ResolvedImage
from kubelambda.core.manifests.revision import (
    build_deployment_name,
    build_key_secret_name,
    build_pod_name_prefix,
    compute_revision,
)
from kubelambda.core.model.config_digest import combine_digest
from kubelambda.core.model.layer import Layer
from kubelambda.core.wire.keys import derive_function_key, derive_key_secret_suffix
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
from kubelambda.kube.resources.injected_agent import InjectedAgent


@dataclass(frozen=True, slots=True)
class Platform:
    """What all functions of the installation share."""

    settings: ControllerSettings
    master_secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of one revision."""

    revision: str
    deployment: dict[str, Any]
    """Without replicas."""
    pod: dict[str, Any]
    """One that the function owns directly."""
    key_secret_name: str
    key_secret: dict[str, Any] = field(repr=False)


def _build_code_rules(
    record: FunctionRecord, layers: Sequence[Layer], settings: ControllerSettings
) -> CodeRules | None:
    """None for pods that fetch nothing: a change of these settings replaces only the others."""
    if not record.fetches_code and not any(layer.fetched for layer in layers):
        return None
    return CodeRules(settings.allowed_code_hosts, settings.private_cidrs)


def _build_injected(
    runtime: RuntimeRecord | ResolvedImage, settings: ControllerSettings
) -> InjectedAgent | None:
    """What a pod needs to run an image that does not contain our agent."""
    if not isinstance(runtime, ResolvedImage):
        return None
    return InjectedAgent(
        agent_image=settings.agent_image,
        agent_pull_policy=settings.image_pull_policy,
        working_directory=runtime.config.working_directory,
        pull_secrets=settings.image_pull_secrets,
    )


def render_function(
    record: FunctionRecord,
    runtime: RuntimeRecord | ResolvedImage,
    platform: Platform,
    code_version: str = "",
    layers: Sequence[Layer] = (),
) -> Rendered:
    """The Deployment, pod and key Secret of ``record``, with this version of its code.

    ``runtime`` is the image that its pods run: that of a runtime, or the function's own.
    """
    settings, ref = platform.settings, record.ref
    suffix = derive_key_secret_suffix(platform.master_secret, record.uid, settings.key_generation)
    secret_name = build_key_secret_name(ref.name, suffix)
    pod_spec = build_pod_spec(
        _build_function_pod(record, runtime, settings, secret_name, code_version, layers)
    )
    revision = compute_revision(pod_spec)
    return Rendered(
        revision=revision,
        pod=build_direct_pod(
            namespace=ref.namespace,
            name_prefix=build_pod_name_prefix(ref.name, revision),
            owner=_build_owner(record),
            pod_labels=build_pod_labels(record.uid, revision),
            pod_spec=pod_spec,
        ),
        deployment=build_deployment(
            namespace=ref.namespace,
            name=build_deployment_name(ref.name, revision),
            owner=_build_owner(record),
            function_uid=record.uid,
            revision=revision,
            pod_spec=pod_spec,
        ),
        key_secret_name=secret_name,
        key_secret=_build_key_secret(record, platform, secret_name),
    )


def _build_owner(record: FunctionRecord) -> dict[str, Any]:
    return build_owner_reference(record.resource, record.ref.name, record.uid)


def _build_function_pod(
    record: FunctionRecord,
    runtime: RuntimeRecord | ResolvedImage,
    settings: ControllerSettings,
    secret_name: str,
    code_version: str,
    layers: Sequence[Layer],
) -> FunctionPod:
    """All that a pod of the function depends on."""
    return FunctionPod(
        namespace=record.ref.namespace,
        function=record.ref.name,
        function_uid=record.uid,
        image=runtime.image,
        image_pull_policy=settings.image_pull_policy,
        bootstrap=runtime.bootstrap,
        gateway_address=settings.gateway_address,
        key_secret=secret_name,
        key_generation=settings.key_generation,
        config_digest=combine_digest(
            record.config_digest, code_version, [layer.digest for layer in layers]
        ),
        memory_mb=record.memory_mb,
        timeout_s=record.timeout_s,
        ephemeral_mb=record.ephemeral_mb,
        cpu_limit_millis=compute_init_millis(record.memory_mb, settings),
        cpu_request_millis=compute_request_millis(record.memory_mb, settings),
        values_from=record.values_from,
        code_config_map=record.config_map,
        code_rules=_build_code_rules(record, layers, settings),
        uses_s3=record.uses_s3 or any(layer.uses_s3 for layer in layers),
        injected=_build_injected(runtime, settings),
        priority_class=settings.priority_class,
    )


def _build_key_secret(
    record: FunctionRecord, platform: Platform, secret_name: str
) -> dict[str, Any]:
    generation = platform.settings.key_generation
    return build_key_secret(
        namespace=record.ref.namespace,
        name=secret_name,
        owner=_build_owner(record),
        function_uid=record.uid,
        key=derive_function_key(platform.master_secret, record.uid, generation),
    )
