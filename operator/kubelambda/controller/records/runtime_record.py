"""What the controller remembers of each LambdaRuntime.

Contract: pure; TypeError, or another of ``malformed.MALFORMED``, for what is no LambdaRuntime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubelambda.core.model.field_types import is_text


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """A LambdaRuntime: which image and bootstrap serve an identifier."""

    name: str
    version: str
    image: str
    bootstrap: tuple[str, ...]


def read_runtime(manifest: Mapping[str, Any]) -> RuntimeRecord:
    """The record of a LambdaRuntime."""
    spec, metadata = manifest["spec"], manifest["metadata"]
    image, bootstrap = spec["image"], spec.get("bootstrap") or []
    if not is_text(image) or not isinstance(bootstrap, list) or not all(map(is_text, bootstrap)):
        raise TypeError("spec.image is a string, spec.bootstrap a list of strings")
    return RuntimeRecord(
        name=find_runtime_name(manifest),
        version=metadata.get("resourceVersion", "0"),
        image=image,
        bootstrap=tuple(bootstrap),
    )


def find_runtime_name(manifest: Mapping[str, Any]) -> str:
    """The identifier of a LambdaRuntime, whatever the rest of it."""
    spec = manifest.get("spec")
    named = spec.get("identifier") if isinstance(spec, Mapping) else None
    return named if isinstance(named, str) and named else str(manifest["metadata"]["name"])
