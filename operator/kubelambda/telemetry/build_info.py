"""Which build of kubelambda this process runs: its version, and whether it is compiled.

Contract: needs nothing but the standard library. Compiled and pure Python behave alike; whoever
compares times or memory must know which one it was (docs/adr/0010).
"""

from dataclasses import dataclass
from importlib.metadata import version

from kubelambda.core.wire import frames


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What ``kubelambda version``, the first line of a log and ``kubelambda_build_info`` say."""

    version: str
    form: str
    """``compiled`` or ``pure Python``."""

    def __str__(self) -> str:
        return f"{self.version} ({self.form})"


def read_build_info() -> BuildInfo:
    """Of the package that is installed. All modules of a wheel are compiled, or none of them."""
    is_source = str(frames.__file__).endswith(".py")
    return BuildInfo(version("kubelambda"), "pure Python" if is_source else "compiled")
