"""What repeats the table of runtime identifiers is as ``make runtime-table`` writes it."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from kubelambda.core.model.runtime_table import RUNTIMES, list_family, list_tested

ROOT = Path(__file__).parents[3]
OTHERS = ("README.md", "runtimes/README.md", "docs/limits.md")


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runtime_table", ROOT / "hack/runtime_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(question: str) -> list[list[str]]:
    command = [str(ROOT / "hack/runtime-table"), question]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split() for line in answer.splitlines()]


def test_the_charts_values_are_the_tables(table: ModuleType) -> None:
    values = table.CHART.read_text()
    assert values == table.render_chart(values)
    runtimes = yaml.safe_load(values)["runtimes"]
    assert {one["identifier"] for one in runtimes.values()} == set(RUNTIMES)
    assert {one["identifier"] for one in runtimes.values() if one["enabled"]} == set(list_tested())


def test_the_page_of_runtimes_is_the_tables(table: ModuleType) -> None:
    text = table.DOCS.read_text()
    assert text == table.render_docs(text)


def test_scripts_are_told_of_every_image_once() -> None:
    images = ask("images")
    names = [image[0] for image in images]
    assert len(set(names)) == len(names)
    assert {image for _, image in ask("chart")} == set(names)
    assert [line[0] for line in images if line[4] == "usual"] == [
        row.image for row in RUNTIMES.values() if row.is_usual and not row.served_by
    ]


def test_scripts_are_told_which_nodes_are_built() -> None:
    assert ask("nodes") == [[row.version for row in list_family("nodejs") if row.is_tested]]


@pytest.mark.parametrize("path", OTHERS)
def test_other_pages_leave_the_list_to_the_page_of_runtimes(path: str) -> None:
    """A page may speak of one runtime; three families in one line are a list, and would drift."""
    for line in (ROOT / path).read_text().splitlines():
        named = {row.family for name, row in RUNTIMES.items() if name in line}
        assert len(named) < 3, line
