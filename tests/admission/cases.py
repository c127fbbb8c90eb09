"""The admission cases, as both judges read them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("cases.yaml")


@dataclass(frozen=True)
class Case:
    """One object, or one update, and the verdict that both judges owe."""

    name: str
    object: dict[str, Any]
    valid: bool
    message_model: str = ""
    message_server: str = ""
    old: dict[str, Any] | None = None


class _Loader(yaml.SafeLoader):
    """YAML with !repeat [text, n] and !concat [text...]."""


def _sequence(loader: _Loader, node: yaml.Node) -> list[Any]:
    assert isinstance(node, yaml.SequenceNode)
    return list(loader.construct_sequence(node, deep=True))


def _repeat(loader: _Loader, node: yaml.Node) -> str:
    text, count = _sequence(loader, node)
    return str(text) * int(count)


def _concat(loader: _Loader, node: yaml.Node) -> str:
    return "".join(_sequence(loader, node))


_Loader.add_constructor("!repeat", _repeat)
_Loader.add_constructor("!concat", _concat)


def load_cases() -> list[Case]:
    """All cases in the order of the file."""
    return [_read(entry) for entry in yaml.load(FILE.read_text(encoding="utf-8"), _Loader)]


def _read(entry: dict[str, Any]) -> Case:
    message = entry.get("message", "")
    words = message if isinstance(message, dict) else {"model": message, "server": message}
    assert set(entry) <= {"name", "object", "old", "valid", "message", "exception"}, entry["name"]
    assert entry["valid"] != bool(message), f"{entry['name']}: refused if and only if a message"
    assert not isinstance(message, dict) or "exception" in entry, f"{entry['name']}: say why"
    return Case(
        name=entry["name"],
        object=entry["object"],
        valid=entry["valid"],
        message_model=words["model"],
        message_server=words["server"],
        old=entry.get("old"),
    )
