"""LambdaLayer: one immutable version of a layer, and how functions name such versions.

Contract: ``LambdaLayer.model_validate`` takes the object as it comes over the wire, whole, and
gives the verdict of an API server that has our CRD. One object is one version: what AWS numbers by
itself stands in the spec here, so that the same YAML always means the same version. Source:
spec/lambda.md sections 6.2, 6.3 and 6.7.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, Int, ObjectMeta, Whole
from kubelambda.api.rules import Rule, TransitionRule, build_pattern_rule
from kubelambda.api.v1alpha1.code import FetchedSource, InlineFiles, PackageName, ZipText
from kubelambda.api.v1alpha1.conditions import ConditionedStatus

LAYERS_MAX = 5
LAYER_NAME_MAX = 64
VERSION_MAX = 2_147_483_647
SOURCES = ("inline", "zipFile", "url", "s3Bucket", "package")

LAYER_NAME = build_pattern_rule(
    r"^[a-zA-Z0-9_-]+$", "the name of a layer holds letters, digits, '-' and '_'"
)
LAYER_COUNT = Rule(
    cel=f"self.size() <= {LAYERS_MAX}",
    message=f"Cannot reference more than {LAYERS_MAX} layers.",
    check=lambda layers: len(layers) <= LAYERS_MAX,
)
ONE_VERSION_EACH = Rule(
    cel="self.all(one, self.exists_one(other, other.name == one.name))",
    message=(
        "Two different versions of the same layer are not allowed to be referenced in the same "
        "function."
    ),
    check=lambda layers: len({layer.name for layer in layers}) == len(layers),
)
IDENTIFIER = build_pattern_rule(
    r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
    "a runtime is an identifier such as python3.13: lower-case letters, digits, '.' and '-'",
)
LayerName = Annotated[str, Field(min_length=1, max_length=LAYER_NAME_MAX), LAYER_NAME]
Version = Annotated[int, Field(ge=1, le=VERSION_MAX), Whole]


class LayerReference(ApiModel):
    """A layer version of the function's own namespace."""

    name: LayerName = Field(description="The layer's name (layerName of its LambdaLayer objects).")
    version: Version = Field(description="Which version of it.")


LayerReferences = Annotated[
    list[LayerReference], Field(max_length=16), LAYER_COUNT, ONE_VERSION_EACH
]


class LayerContent(FetchedSource):
    """Exactly one source of files for /opt."""

    inline: InlineFiles | None = Field(
        None, description="File names below /opt and their text, 64 KiB in all."
    )
    zip_file: ZipText | None = Field(None, description="A zip of at most 64 KiB, in base64.")
    package: PackageName | None = Field(
        None, description="SHA-256 of a package uploaded through the Lambda API, in hexadecimal."
    )

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in SOURCES)}].filter(x, x).size() == 1",
            message=f"content has exactly one of {', '.join(SOURCES)}",
            check=lambda content: content.count_sources(SOURCES) == 1,
        ),
        *FetchedSource.RULES,
    )


class LambdaLayerSpec(ApiModel):
    """One version of a layer; nothing of it can be changed."""

    layer_name: LayerName | None = Field(
        None,
        description=(
            "AWS's name of the layer. Absent: metadata.name, without the version if that ends "
            "it (base-3 is version 3 of base)."
        ),
    )
    version: Version = Field(description="Number of the version, from 1.")
    content: LayerContent = Field(description="Where the files come from.")
    compatible_runtimes: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=64), IDENTIFIER]],
            Field(max_length=15),
        ]
        | None
    ) = Field(None, description="Runtimes that it is made for; for people, nothing enforces it.")
    compatible_architectures: (
        Annotated[list[Literal["x86_64", "arm64"]], Field(max_length=2)] | None
    ) = Field(None, description="Architectures that it is made for; for people.")
    description: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="A sentence for people."
    )
    license_info: Annotated[str, Field(max_length=512)] | None = Field(
        None, description="An SPDX identifier, a URL, or the text."
    )

    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = (
        TransitionRule(
            cel="self == oldSelf",
            message="a layer version is immutable; make another version instead",
            check=lambda new, old: new == old,
        ),
    )


class LambdaLayerStatus(ConditionedStatus):
    """What the controller found; fields of a newer release are passed over."""

    layer_name: Annotated[str, Field(max_length=LAYER_NAME_MAX)] | None = Field(
        None, description="The layer's name, as functions give it."
    )
    layer_version_arn: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="ARN of the version."
    )
    code_sha256: Annotated[str, Field(max_length=64)] | None = Field(
        None,
        alias="codeSha256",
        description="Base64 of the SHA-256 of the zip; absent for S3, which only agents see.",
    )
    code_size: Int | None = Field(
        None, description="Bytes of the zip; absent where it is not in this object."
    )


class LambdaLayer(ApiModel):
    """One version of a layer: files that functions find in /opt."""

    api_version: Literal["kubelambda.io/v1alpha1"]
    kind: Literal["LambdaLayer"]
    metadata: ObjectMeta
    spec: LambdaLayerSpec
    status: LambdaLayerStatus | None = None

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "has(self.spec.layerName)"
                f" || (self.metadata.name.size() <= {LAYER_NAME_MAX}"
                " && !self.metadata.name.contains('.'))"
            ),
            message=(
                f"a name with a dot, or of more than {LAYER_NAME_MAX} characters, wants a layerName"
            ),
            check=lambda layer: (
                layer.spec.layer_name is not None
                or (len(layer.metadata.name) <= LAYER_NAME_MAX and "." not in layer.metadata.name)
            ),
        ),
    )
