"""What the controller remembers of each LambdaRuntime.

Contract: pure. Records are equal if what functions get is: another version or status is no news.
TypeError, or another of ``malformed.MALFORMED``, for what is no LambdaRuntime.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from kubelambda.core.model.field_types import is_text
from kubelambda.core.model.runtime_support import find_end_of_support
from kubelambda.core.model.status import ObjectStatus, read_object_status


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """A LambdaRuntime: which image and bootstrap serve an identifier."""

    name: str
    version: str = field(compare=False)
    image: str
    bootstrap: tuple[str, ...]
    object_name: str = ""
    """Its metadata.name; objects of the first release had the identifier in the spec."""
    generation: int = field(default=0, compare=False)
    stated_end: str = ""
    """spec.endOfSupport."""
    status: ObjectStatus = field(default_factory=ObjectStatus, compare=False)

    @property
    def end_of_support(self) -> date | None:
        """The first day without fixes of the language, if anybody says one."""
        return find_end_of_support(self.name, self.stated_end)


def read_runtime(manifest: Mapping[str, Any]) -> RuntimeRecord:
    """The record of a LambdaRuntime."""
    spec, metadata = manifest["spec"], manifest["metadata"]
    image, bootstrap = spec["image"], spec.get("bootstrap") or []
    generation, end = metadata.get("generation"), spec.get("endOfSupport")
    if not is_text(image) or not isinstance(bootstrap, list) or not all(map(is_text, bootstrap)):
        raise TypeError("spec.image is a string, spec.bootstrap a list of strings")
    return RuntimeRecord(
        name=find_runtime_name(manifest),
        version=metadata.get("resourceVersion", "0"),
        image=image,
        bootstrap=tuple(bootstrap),
        object_name=str(metadata["name"]),
        generation=generation if isinstance(generation, int) else 0,
        stated_end=end if isinstance(end, str) else "",
        status=read_object_status(manifest.get("status")),
    )


def find_runtime_name(manifest: Mapping[str, Any]) -> str:
    """The identifier of a LambdaRuntime, whatever the rest of it."""
    spec = manifest.get("spec")
    named = spec.get("identifier") if isinstance(spec, Mapping) else None
    return named if isinstance(named, str) and named else str(manifest["metadata"]["name"])
