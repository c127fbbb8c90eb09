"""Which fields of a spec have an effect in local mode, and what to say of those that have none.

Contract: pure. No field is ignored silently: one that is set to something other than its default is
either in HONOURED, or reported with the sentence of DIFFERENCES. A field that is in neither is
reported too. LIMIT: everything in DIFFERENCES, see docs/limits.md.
"""

from collections.abc import Iterator, Mapping

from kubelambda.api.model import ApiModel
from kubelambda.api.v1alpha1.function import LambdaFunctionSpec
from kubelambda.api.v1alpha1.layer import LambdaLayerSpec
from kubelambda.api.v1alpha1.support import unsupported_fields

HONOURED: Mapping[type[ApiModel], frozenset[str]] = {
    LambdaFunctionSpec: frozenset(
        {
            "functionName",
            "description",
            "tags",
            "runtime",
            "handler",
            "code.inline",
            "code.zipFile",
            "code.configMapRef",
            "code.package",
            "code.url",
            "code.sha256",
            "code.s3Bucket",
            "code.s3Key",
            "code.s3ObjectVersion",
            "memorySize",
            "timeout",
            "environment",
            "layers",
            "reservedConcurrentExecutions",
            "loggingConfig",
            # Of an image function it is said that it is not available at all.
            "packageType",
            "code.imageURI",
            "imageConfig",
        }
    ),
    LambdaLayerSpec: frozenset(
        {
            "layerName",
            "version",
            "content",
            "compatibleRuntimes",
            "compatibleArchitectures",
            "description",
            "licenseInfo",
        }
    ),
}
"""What is told to the function, or is for people, counts as acted upon, as on a cluster."""

HONOURED_IF_APPLIED = frozenset({"publish"})

DIFFERENCES: Mapping[str, str] = {
    "architectures": "it runs on this machine's architecture",
    "ephemeralStorage": "nothing limits what it writes",
    "role": "it gets no credentials of a role",
    "vpcConfig": "it uses this machine's network",
    "deadLetterConfig": "what fails for good stays with local mode's dead letters",
    "functionEventInvokeConfig": "three tries within six hours, and no destination",
    "provisionedConcurrencyConfig": "no environment is kept warm, the first request waits for one",
    "tracingConfig": "nothing is traced",
    "publish": "no version is published of what stands in a file; apply it instead",
    "functionURLConfig": "it has no address of its own, only the Lambda API",
}
_NO_EFFECT = "it has no effect here"


def describe_ignored(spec: ApiModel, *, is_applied: bool) -> list[str]:
    """A sentence for each field of ``spec`` that is set and that local mode does not act upon."""
    absent = unsupported_fields(spec) if isinstance(spec, LambdaFunctionSpec) else []
    refused = {name.partition(":")[0].partition(".")[0] for name in absent}
    honoured = HONOURED[type(spec)] | (HONOURED_IF_APPLIED if is_applied else frozenset())
    return [_describe(path, refused) for path in iter_ignored(spec, honoured)]


def iter_ignored(spec: ApiModel, honoured: frozenset[str], prefix: str = "") -> Iterator[str]:
    """The paths, from ``spec`` on, of what is set and is not among ``honoured``."""
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        path = prefix + (field.alias or name)
        if value is None or value is False or value == field.default or path in honoured:
            continue
        is_partly = any(name.startswith(f"{path}.") for name in honoured)
        if isinstance(value, ApiModel) and is_partly:
            yield from iter_ignored(value, honoured, f"{path}.")
        else:
            yield path


def _describe(path: str, refused: set[str]) -> str:
    top = path.partition(".")[0]
    sentence = f"spec.{path} is ignored in local mode: {DIFFERENCES.get(top, _NO_EFFECT)}"
    if top in refused:
        sentence += "; on a cluster this release refuses it (FeatureNotAvailable)"
    return sentence
