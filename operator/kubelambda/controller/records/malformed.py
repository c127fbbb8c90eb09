"""Objects that are not as their CRD or kind says: what reading them may raise, and type checks.

Contract: pure. A CRD of an older release, or validation that was switched off, lets anything
through; one such object must not keep the controller from serving the others.
"""

from collections.abc import Mapping
from typing import Any

from kubelambda.core.model.field_types import is_number, is_text

MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading an object that does not have the shape of its kind may raise."""


def check_metadata(manifest: Mapping[str, Any]) -> None:
    """TypeError if the metadata are not as every API server writes them."""
    metadata = manifest["metadata"]
    texts = [metadata["uid"], metadata["resourceVersion"], metadata.get("creationTimestamp", "")]
    for key in ("labels", "annotations"):
        texts += [text for item in (metadata.get(key) or {}).items() for text in item]
    if not all(map(is_text, texts)) or not is_number(metadata.get("generation", 0)):
        raise TypeError("metadata of another type")
