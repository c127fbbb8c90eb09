"""Which uploaded packages a function needs before it can run.

Contract: pure; names are SHA-256 in hexadecimal. What it remembers of a layer served it before and
is not among them: who uses a deleted layer goes on (spec/lambda.md section 6.7).
"""

from collections.abc import Sequence

from kubelambda.core.model.code import get_package
from kubelambda.core.model.layer import Layer

CODE = "code.package"


def list_needed_packages(package: str, layers: Sequence[Layer]) -> dict[str, str]:
    """Each package that is needed and what names it; ``package`` is the code's, if it is one."""
    needed = {find_package(one): f"the layer {one.reference}" for one in layers}
    needed.pop("", None)
    return {**needed, package: CODE} if package else needed


def find_package(layer: Layer) -> str:
    """The package that the LambdaLayer ``layer`` names; empty where it names none."""
    if layer.remembered:
        return ""
    return get_package(layer.content)


def describe_missing_package(name: str, what: str) -> str:
    """What to do about a package that was never uploaded; ``what`` names it."""
    return (
        f"no package {name} has been uploaded, which {what} names; upload it with "
        "`kubelambda package push DIR`, or name there the SHA-256 that this prints"
    )
