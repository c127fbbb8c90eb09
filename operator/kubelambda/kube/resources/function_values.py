"""Values of Secrets and ConfigMaps in a function pod: variables, and files that tell of changes.

Contract: pure; names objects and keys of the pod's own namespace and holds no value. The kubelet
reads them, twice: as variables when the container starts, which fails if a required one is
missing, and as files that it keeps up to date for as long as the pod lives (docs/adr/0003).
"""

from collections.abc import Mapping, Sequence
from typing import Any

VARIABLE_PREFIX = "KUBELAMBDA_VALUE_"
OPTIONAL_VARIABLE = "KUBELAMBDA_VALUES_OPTIONAL"
VOLUME = "values"
MOUNT_PATH = "/var/run/kubelambda/values"
_KINDS = {"secretKeyRef": "secret", "configMapKeyRef": "configMap"}

Values = Sequence[Mapping[str, Any]]


def build_value_variables(values: Values) -> list[dict[str, Any]]:
    """One variable for each value, and one that names the optional ones, if there are any."""
    variables: list[dict[str, Any]] = []
    for value in values:
        source, reference = _find_source(value)
        variables.append(
            {"name": f"{VARIABLE_PREFIX}{value['name']}", "valueFrom": {source: reference}}
        )
    optional = [value["name"] for value in values if _find_source(value)[1].get("optional")]
    if optional:
        variables.append({"name": OPTIONAL_VARIABLE, "value": " ".join(optional)})
    return variables


def build_value_volumes(values: Values) -> list[dict[str, Any]]:
    """The volume with a file for each value; none without values.

    Optional throughout: a mount that waits for a missing Secret would say so in Events only, while
    the variable says it in the pod's status.
    """
    if not values:
        return []
    sources = []
    for value in values:
        source, reference = _find_source(value)
        sources.append(
            {
                _KINDS[source]: {
                    "name": reference["name"],
                    "items": [{"key": reference["key"], "path": value["name"]}],
                    "optional": True,
                }
            }
        )
    return [{"name": VOLUME, "projected": {"sources": sources}}]


def build_value_mounts(values: Values) -> list[dict[str, Any]]:
    """Where the container has that volume."""
    if not values:
        return []
    return [{"name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": True}]


def _find_source(value: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    source = next(kind for kind in _KINDS if value.get(kind))
    reference = value[source]
    kept = {"name": reference["name"], "key": reference["key"]}
    return source, kept | ({"optional": True} if reference.get("optional") else {})
