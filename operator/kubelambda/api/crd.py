"""The CustomResourceDefinitions, generated from the models: ``python -m kubelambda.api.crd``.

Contract: ``build_crds`` is pure; ``main`` writes the checked-in copies below the working directory
(crds/ and the chart's), which a test compares with what the models give.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kubelambda.api.kinds import KINDS, Kind
from kubelambda.api.schema import build_structural_schema

DIRECTORIES = (Path("crds"), Path("charts/kubelambda/crds"))
_HEADER = "# Generated from operator/kubelambda/api by `make crds`. Do not edit.\n"


def build_crds() -> dict[str, dict[str, Any]]:
    """All CRDs by file name, in a stable order."""
    return {f"{kind.group}_{kind.plural}.yaml": build_crd(kind) for kind in KINDS}


def build_crd(kind: Kind) -> dict[str, Any]:
    """One CustomResourceDefinition."""
    schema = build_structural_schema(kind.load_model())
    version: dict[str, Any] = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [column.to_manifest() for column in kind.columns],
        "schema": {"openAPIV3Schema": schema},
    }
    if kind.has_status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": kind.scope,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.singular,
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
