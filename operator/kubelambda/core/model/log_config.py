"""How a function's environments log: format, levels and group (spec/lambda.md, section 2.8).

Contract: plain values, pure. JSON without levels means INFO for both; Text has no levels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_LEVEL = "INFO"
GROUP_PREFIX = "/aws/lambda/"


@dataclass(frozen=True, slots=True)
class LogConfig:
    """``loggingConfig`` with its defaults filled in."""

    format: str = "Text"
    application_level: str = ""
    """The lowest level of the function's own records; empty with Text."""
    system_level: str = ""
    """The lowest level of the platform's records; empty with Text."""
    group: str = ""
    """The log group that the function's author chose; empty for the function's own."""

    def resolve_group(self, function_name: str) -> str:
        """The log group that a function of this name sees."""
        return self.group or GROUP_PREFIX + function_name

    def list_variables(self) -> dict[str, str]:
        """Variables by which runtime clients format and filter; none with Text."""
        if self.format != "JSON":
            return {}
        return {
            "AWS_LAMBDA_LOG_FORMAT": self.format,
            "AWS_LAMBDA_LOG_LEVEL": self.application_level,
        }

    def list_parts(self) -> tuple[str, ...]:
        """All of it, for a digest."""
        return (self.format, self.application_level, self.system_level, self.group)


def build_log_config(spec: Mapping[str, Any] | None) -> LogConfig:
    """From the ``loggingConfig`` of an admitted spec."""
    spec = spec or {}
    group = spec.get("logGroup") or ""
    if spec.get("logFormat") != "JSON":
        return LogConfig(group=group)
    return LogConfig(
        "JSON",
        spec.get("applicationLogLevel") or DEFAULT_LEVEL,
        spec.get("systemLogLevel") or DEFAULT_LEVEL,
        group,
    )
