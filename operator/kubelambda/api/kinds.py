"""The kinds of objects: one descriptor for each, which everything else reads.

Contract: pure, and cheap to import: a kind's model is loaded on first use, so that processes that
only need names and paths load no pydantic. Read by the CRDs (``api.crd``), the paths of the API
server (``kube.paths``), the port ``objects`` and the tables of ``kubelambda get``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from kubelambda.api.model import ApiModel

GROUP = "kubelambda.io"
VERSION = "v1alpha1"
NAMESPACED, CLUSTER = "Namespaced", "Cluster"
_MODELS = "kubelambda.api.v1alpha1"
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
    """One kind of object."""

    name: str
    """As it stands in ``kind``; also the name of its model."""
    module: str
    """The module of its model."""
    plural: str
    short_name: str
    columns: Sequence[Column]
    scope: str = NAMESPACED
    categories: Sequence[str] = ("kubelambda",)
    group: str = GROUP
    version: str = VERSION
    has_status: bool = True
    """Whether it has a status, written by itself, and a generation."""

    @property
    def api_version(self) -> str:
        """As it stands in ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        """The name in lower case, as ``kubectl get`` takes it."""
        return self.name.lower()

    @property
    def is_namespaced(self) -> bool:
        """Whether its objects are in namespaces."""
        return self.scope == NAMESPACED

    @property
    def words(self) -> tuple[str, ...]:
        """What ``kubectl get`` calls it."""
        return (self.plural, self.singular, self.short_name)

    def load_model(self) -> "type[ApiModel]":
        """The pydantic model, which is imported on first use."""
        return cast("type[ApiModel]", getattr(import_module(self.module), self.name))


_AGE_COLUMN = Column("Age", ".metadata.creationTimestamp", "date")
_READY_COLUMNS = (
    Column("Ready", _CONDITION.format("Ready", "status")),
    Column("Reason", _CONDITION.format("Ready", "reason")),
    _AGE_COLUMN,
)
_MESSAGE_COLUMN = Column("Message", _CONDITION.format("Ready", "message"), wide=True)

KINDS = (
    Kind(
        name="LambdaFunction",
        module=f"{_MODELS}.function",
        plural="lambdafunctions",
        short_name="lfn",
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
        name="LambdaVersion",
        module=f"{_MODELS}.version",
        plural="lambdaversions",
        short_name="lfv",
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
        name="LambdaAlias",
        module=f"{_MODELS}.alias",
        plural="lambdaaliases",
        short_name="lfa",
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
        name="LambdaLayer",
        module=f"{_MODELS}.layer",
        plural="lambdalayers",
        short_name="lyr",
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
        name="LambdaRuntime",
        module=f"{_MODELS}.runtime",
        plural="lambdaruntimes",
        short_name="lrt",
        scope=CLUSTER,
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
"""Our custom resources."""

VALUE_KINDS = (
    Kind(
        name="ConfigMap",
        module="kubelambda.api.values",
        plural="configmaps",
        short_name="cm",
        group="",
        version="v1",
        has_status=False,
        categories=(),
        columns=(_AGE_COLUMN,),
    ),
    Kind(
        name="Secret",
        module="kubelambda.api.values",
        plural="secrets",
        short_name="secret",
        group="",
        version="v1",
        has_status=False,
        categories=(),
        columns=(Column("Type", ".type"), _AGE_COLUMN),
    ),
)
"""Kubernetes' own kinds that functions refer to; local mode keeps them beside ours."""

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in (*KINDS, *VALUE_KINDS)}
