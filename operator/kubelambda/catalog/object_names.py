"""Which packages one object names.

Contract: pure; never raises, whatever release has written the object.
"""

from collections.abc import Mapping
from typing import Any

from kubelambda.catalog.layers import build_layer_version
from kubelambda.core.packages.names import find_names


def find_object_names(item: Mapping[str, Any], *, is_layer: bool) -> set[str]:
    """SHA-256, in hexadecimal, of the packages of a function, a version or a layer."""
    names = find_names(item)
    own = _find_own_name(item) if is_layer else ""
    return names | {own} if own else names


def _find_own_name(item: Mapping[str, Any]) -> str:
    """The package that the layer keeper makes of content that stands in the layer itself.

    Empty if this release cannot read the layer: then no function of it uses the content.
    """
    try:
        return build_layer_version(item).layer.sha256
    except Exception:  # noqa: BLE001  # one object must not hold up the others
        return ""
