"""The CustomResourceDefinitions, generated from the models: ``python -m kubelambda.api.crd``.

Contract: ``build_crds`` is pure; ``main`` writes the checked-in copies below the working directory
(crds/ and the chart's), which a test compares with what the models give.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from kubelambda.api.schema import build_structural_schema
from kubelambda.api.v1alpha1.alias import LambdaAlias
from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.api.v1alpha1.layer import LambdaLayer
from kubelambda.api.v1alpha1.runtime import LambdaRuntime
from kubelambda.api.v1alpha1.version import LambdaVersion

GROUP = "kubelambda.io"
VERSION = "v1alpha1"
DIRECTORIES = (Path("crds"), Path("charts/kubelambda/crds"))
_HEADER = "# Generated from operator/kubelambda/api by `make crds`. Do not edit.\n"
_CONDITION = '.status.conditions[?(@.type=="{}")].{}'


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``; ``wide`` ones need ``-o wide``."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def to_manifest(self) -> dict[str, Any]:
        """The entry of ``additionalPrinterColumns``."""
        entry = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return {**entry, "priority": 1} if self.wide else entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One custom resource."""

    model: type[BaseModel]
    plural: str
    short_name: str
    scope: str
    columns: Sequence[Column]
    categories: Sequence[str] = ("kubelambda",)


_AGE_COLUMN = Column("Age", ".metadata.creationTimestamp", "date")
_READY_COLUMNS = (
    Column("Ready", _CONDITION.format("Ready", "status")),
    Column("Reason", _CONDITION.format("Ready", "reason")),
    _AGE_COLUMN,
)
_MESSAGE_COLUMN = Column("Message", _CONDITION.format("Ready", "message"), wide=True)

KINDS = (
    Kind(
        model=LambdaFunction,
        plural="lambdafunctions",
        short_name="lfn",
        scope="Namespaced",
        categories=("all", "kubelambda"),
        columns=(
            Column("Runtime", ".spec.runtime"),
            Column("Memory", ".spec.memorySize", "integer"),
            Column("Timeout", ".spec.timeout", "integer"),
            *_READY_COLUMNS,
            _MESSAGE_COLUMN,
            Column("Revision", ".status.revision", wide=True),
            Column("ARN", ".status.functionArn", wide=True),
        ),
    ),
    Kind(
        model=LambdaVersion,
        plural="lambdaversions",
        short_name="lfv",
        scope="Namespaced",
        categories=("all", "kubelambda"),
        columns=(
            Column("Function", ".spec.functionName"),
            Column("Version", ".spec.version", "integer"),
            Column("Runtime", ".spec.snapshot.runtime"),
            Column("Memory", ".spec.snapshot.memorySize", "integer"),
            *_READY_COLUMNS,
            _MESSAGE_COLUMN,
            Column("Description", ".spec.description", wide=True),
            Column("Revision", ".status.revision", wide=True),
            Column("ARN", ".status.functionArn", wide=True),
        ),
    ),
    Kind(
        model=LambdaAlias,
        plural="lambdaaliases",
        short_name="lfa",
        scope="Namespaced",
        categories=("all", "kubelambda"),
        columns=(
            Column("Function", ".spec.functionName"),
            Column("Alias", ".status.aliasName"),
            Column("Version", ".spec.functionVersion"),
            Column("Weights", ".spec.routingConfig.additionalVersionWeights"),
            *_READY_COLUMNS,
            _MESSAGE_COLUMN,
            Column("ARN", ".status.aliasArn", wide=True),
        ),
    ),
    Kind(
        model=LambdaLayer,
        plural="lambdalayers",
        short_name="lyr",
        scope="Namespaced",
        categories=("all", "kubelambda"),
        columns=(
            Column("Layer", ".status.layerName"),
            Column("Version", ".spec.version", "integer"),
            Column("Runtimes", ".spec.compatibleRuntimes"),
            *_READY_COLUMNS,
            Column("Size", ".status.codeSize", "integer", wide=True),
            _MESSAGE_COLUMN,
            Column("ARN", ".status.layerVersionArn", wide=True),
        ),
    ),
    Kind(
        model=LambdaRuntime,
        plural="lambdaruntimes",
        short_name="lrt",
        scope="Cluster",
        columns=(
            Column("Version", ".spec.languageVersion"),
            Column("Supported", _CONDITION.format("Supported", "status")),
            Column("End of support", ".spec.endOfSupport"),
            Column("Image", ".spec.image"),
            _AGE_COLUMN,
            Column("Message", _CONDITION.format("Supported", "message"), wide=True),
        ),
    ),
)


def build_crds() -> dict[str, dict[str, Any]]:
    """All CRDs by file name, in a stable order."""
    return {f"{GROUP}_{kind.plural}.yaml": build_crd(kind) for kind in KINDS}


def build_crd(kind: Kind) -> dict[str, Any]:
    """One CustomResourceDefinition."""
    schema = build_structural_schema(kind.model)
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [column.to_manifest() for column in kind.columns],
        "schema": {"openAPIV3Schema": schema},
    }
    if "status" in schema["properties"]:
        version["subresources"] = {"status": {}}
    name = kind.model.__name__
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": kind.scope,
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.plural,
                "singular": name.lower(),
                "shortNames": [kind.short_name],
                "categories": list(kind.categories),
            },
            "versions": [version],
        },
    }


class _PlainDumper(yaml.SafeDumper):
    """YAML without anchors: parts that happen to be equal are written out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def render_crd(manifest: Mapping[str, Any]) -> str:
    """The file as it is checked in."""
    return _HEADER + yaml.dump(dict(manifest), Dumper=_PlainDumper, sort_keys=False, width=100)


def write_crds(root: Path) -> list[Path]:
    """Write every CRD into every directory that holds a copy; the paths written."""
    written = []
    for directory in DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
        for name, manifest in build_crds().items():
            path = root / directory / name
            path.write_text(render_crd(manifest), encoding="utf-8")
            written.append(path)
    return written


if __name__ == "__main__":
    for path in write_crds(Path.cwd()):
        sys.stdout.write(f"{path}\n")
