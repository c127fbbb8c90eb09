"""``metadata`` as a strict API server takes it, for places where no API server judges it."""

from typing import Annotated, Any

from pydantic import Field

from kubelambda.api.model import ApiModel, DnsName, Int
from kubelambda.api.rules import build_pattern_rule

NAMESPACE = build_pattern_rule(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a namespace is lower-case letters, digits and '-'"
)


class OwnerReference(ApiModel):
    """The object that this one goes with."""

    api_version: str
    kind: str
    name: str
    uid: Annotated[str, Field(min_length=1)]
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class Metadata(ApiModel):
    """All fields of ObjectMeta; what the server fills in is passed over on the way in."""

    name: DnsName
    generate_name: str | None = None
    namespace: Annotated[str, Field(min_length=1, max_length=63), NAMESPACE] | None = None
    self_link: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: Int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: Int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None
    managed_fields: list[Any] | None = None
