"""What the tests of F33 start from, and what hands do to any object."""

from collections.abc import Callable
from typing import Any

from kubelambda.kube.api import Manifest
from kubelambda.kube.paths import (
    FUNCTIONS,
)
from kubelambda.kube.resources import labels
from unit.controller.controlled_cluster import (
    ControlledCluster,
)

Deed = Callable[[Manifest], object]
"""Changes a manifest in place."""


def essence(manifest: Manifest) -> Any:
    """What hands can change, without what the API server counts."""
    metadata = manifest["metadata"]
    kept = {key: metadata.get(key) for key in ("name", "labels", "ownerReferences")}
    return {**{k: v for k, v in manifest.items() if k not in ("metadata", "status")}, "m": kept}


def lose_labels(one: Manifest) -> None:
    del one["metadata"]["labels"]


def lose_function_label(one: Manifest) -> None:
    del one["metadata"]["labels"][labels.FUNCTION_UID]


def lose_owner(one: Manifest) -> None:
    del one["metadata"]["ownerReferences"]


def uid_of(cluster: ControlledCluster, name: str = "hello") -> str:
    found: str = cluster.find(FUNCTIONS, name)["metadata"]["uid"]
    return found
