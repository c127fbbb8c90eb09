"""What an API server with our CRDs does with an object before it stores it: defaults and verdict.

Contract: pure. ``admit`` gives the object with its defaults, or raises RefusedError with every
finding: rules (RULES) and rules of change (TRANSITIONS) of the models, unknown fields as strict
validation refuses them. Messages hold no values, which may be secrets. Fields of a status that this
release does not know are dropped, as pruning does.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kubelambda.api.findings import list_findings
from kubelambda.api.kinds import Kind
from kubelambda.api.metadata import Metadata
from kubelambda.api.model import ApiModel, list_refused_changes

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """One finding: the path of a field, which may be empty, and what is wrong with it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class RefusedError(Exception):
    """The object is not admitted, because of ``causes``."""

    def __init__(self, causes: list[Cause]) -> None:
        super().__init__("; ".join(str(cause) for cause in causes))
        self.causes = tuple(causes)


def admit(
    kind: Kind, manifest: Mapping[str, Any], former: Mapping[str, Any] | None = None
) -> Manifest:
    """``manifest`` with its defaults, in place of ``former``; RefusedError."""
    model = kind.load_model()
    metadata = manifest.get("metadata")
    causes = _judge_metadata(metadata) if isinstance(metadata, Mapping) else []
    try:
        admitted = model.model_validate(manifest)
    except ValidationError as error:
        known = {cause.field for cause in causes}
        causes += [
            cause
            for found in list_findings(error, model)
            if (cause := Cause(*found)).field not in known
        ]
        raise RefusedError(causes) from None
    if former is not None:
        causes += _judge_change(model, former, admitted)
    if causes:
        raise RefusedError(causes)
    return _encode_strings(admitted.model_dump(mode="json", by_alias=True, exclude_none=True))


def _judge_metadata(metadata: Mapping[str, Any]) -> list[Cause]:
    try:
        Metadata.model_validate(dict(metadata))
    except ValidationError as error:
        found = list_findings(error, Metadata)
        return [Cause(f"metadata.{field}", message) for field, message in found]
    return []


def _judge_change(
    model: type[ApiModel], former: Mapping[str, Any], admitted: ApiModel
) -> list[Cause]:
    try:
        old = model.model_validate(former)
    except ValidationError:  # of another release: there is nothing to compare with
        return []
    return [Cause(field, message) for field, message in list_refused_changes(old, admitted)]


def _encode_strings(manifest: Manifest) -> Manifest:
    """A Secret's ``stringData`` goes into ``data``."""
    texts = manifest.pop("stringData", None) if manifest["kind"] == "Secret" else None
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        manifest["data"] = {**manifest.get("data", {}), **encoded}
    return manifest
