"""Which uploaded packages a function needs before it can run, and the message if one is missing.

Contract: pure; names are SHA-256 in hexadecimal. A layer that the function only remembers is not
asked for: functions that use a deleted layer keep working (spec/lambda.md section 6.7).
"""

from collections.abc import Sequence

from kubelambda.core.model.code import get_package
from kubelambda.core.model.layer import Layer

CODE = "code.package"


def list_needed_packages(package: str, layers: Sequence[Layer]) -> dict[str, str]:
    """Each needed package and what names it; ``package`` is the code's name, or empty."""
    needed = {find_package(layer): f"the layer {layer.reference}" for layer in layers}
    needed.pop("", None)
    return {**needed, package: CODE} if package else needed


def find_package(layer: Layer) -> str:
    """The uploaded package that a layer names; empty if its content comes from elsewhere."""
    if layer.remembered:
        return ""
    return get_package(layer.content)


def describe_missing_package(name: str, what: str) -> str:
    """The message for a package that was never uploaded and that ``what`` names."""
    return (
        f"no package {name} has been uploaded, which {what} names; upload it with "
        "`kubelambda package push DIR`, or name there the SHA-256 that this prints"
    )
