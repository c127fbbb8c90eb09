"""Formats of what ``kubelambda get`` prints."""

from enum import StrEnum


class Output(StrEnum):
    """Formats of ``get``."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
