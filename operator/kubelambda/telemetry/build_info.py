"""Which build of kubelambda this process runs: its version, and whether it is compiled.

Contract: needs nothing but the standard library. Compiled and pure Python behave alike; to compare
times or memory one has to know which of the two was running (docs/adr/0010).
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
    """Of the installed package. All listed modules (``compiled-modules``) are compiled, or none."""
    is_source = str(frames.__file__).endswith(".py")
    return BuildInfo(version("kubelambda"), "pure Python" if is_source else "compiled")
