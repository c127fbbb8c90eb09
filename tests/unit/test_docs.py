"""What the documents name exists: files, folders, modules, targets of make, links."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "kubelambda"
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "runtimes/*.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"  # tells of files that were
)
STARTS = (
    ROOT,
    PACKAGE,
    ROOT / "runtimes",
    ROOT / "runtimes" / "nodejs",
    ROOT / "tests" / "conformance",
)
"""Where paths in documents begin."""
MADE_LATER = (".cluster", ".venv", "bench-results", "build")
NO_PATHS = ("kubernetes.io/", "python/lib/python", "java/lib", "nodejs/node_modules")
"""What looks like a path of ours: a label's prefix, directories of layers and of images."""
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?")
MODULE = re.compile(r"[a-z_]+(?:\.[a-z0-9_]+)+")
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PROMISE = re.compile(r"^\| ([PFA]\d+) \| [^|]+ \| `([\w./-]+)` `(\w+)` \|$", re.MULTILINE)
"""A row of docs/promises.md: id, file and test."""
NAMED = re.compile(
    r"\b([PF]\d{1,2})\b|\b[Rr]ules? (A\d+)\b|\b(?:def t|T)est_?([pfPF]\d+)(?=[_A-Z])"
)
"""An id where it is named: in prose, or in the name of a test of Python or Go."""
NAMING = ("operator/**/*.py", "tests/**/*.py", "runtimes/agent/**/*.go", "docs/**/*.md")
ROW = re.compile(r"^\| [^|]+ \| `([\w./-]+)` \| `([^`|]+)` \|$", re.MULTILINE)

documents = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def read_prose(document: Path) -> str:
    return FENCE.sub("", document.read_text())


def list_words(document: Path) -> Iterator[str]:
    """The words in `code`, whole commands taken apart."""
    for span in SPAN.findall(read_prose(document)):
        yield from span.split()


def find_path(name: str) -> Path | None:
    """The path, or the template (``.in``) that it is made of."""
    found = (start / f"{name}{end}" for start in STARTS for end in ("", ".in"))
    return next((path for path in found if path.exists()), None)


def suggest(name: str) -> str:
    """Where a file of that name is now."""
    tracked = [
        path
        for start in ("operator", "runtimes", "tests", "hack")
        for path in (ROOT / start).rglob(Path(name).name)
        if "__pycache__" not in path.parts
    ]
    return f"; there is {tracked[0].relative_to(ROOT)}" if tracked else ""


def suggest_definition(name: str) -> str:
    """Which file defines a function, a class or a method of that name now."""
    definition = re.compile(
        rf"^\s*(?:async )?(?:def|class|func(?: \([^)]*\))?) {name}\b", re.MULTILINE
    )
    sources = [*PACKAGE.rglob("*.py"), *(ROOT / "runtimes" / "agent").rglob("*.go")]
    found = [path for path in sources if definition.search(path.read_text())]
    return f"; it is in {found[0].relative_to(ROOT)}" if found else ""


def is_ours(word: str) -> bool:
    """Whether a path begins in a folder of ours; others are paths of a pod, or parts of URLs."""
    first = word.split("/", 1)[0]
    known = any((start / first).is_dir() for start in STARTS)
    return known and first not in MADE_LATER and not word.startswith(NO_PATHS)


@documents
def test_each_path_exists(document: Path) -> None:
    words = [word for word in list_words(document) if PATH.fullmatch(word) and is_ours(word)]
    missing = [word for word in words if find_path(word) is None]
    assert missing == [], [f"{word}{suggest(word)}" for word in missing]


@documents
def test_each_link_leads_to_a_file(document: Path) -> None:
    targets = [target for target in LINK.findall(read_prose(document)) if "://" not in target]
    assert [target for target in targets if not (document.parent / target).exists()] == []


def read_chart_values() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(
        (ROOT / "charts" / "kubelambda" / "values.yaml").read_text()
    )
    return values


def is_chart_value(word: str, values: Any) -> bool:
    """`gateway.service.type` looks like a module, and is a value of the chart."""
    for part in word.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def names_module(word: str) -> bool:
    """Whether the word is a module or package, or a name that a module has."""
    parts = word.removeprefix("kubelambda.").split(".")
    path = PACKAGE.joinpath(*parts)
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    owner = PACKAGE.joinpath(*parts[:-1])
    texts = [path for path in (owner.with_suffix(".py"), owner / "__init__.py") if path.is_file()]
    return any(re.search(rf"\b{parts[-1]}\b", text.read_text()) for text in texts)


@documents
def test_each_module_exists(document: Path) -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    values = read_chart_values()
    words = [
        word
        for word in list_words(document)
        if MODULE.fullmatch(word)
        and word.removeprefix("kubelambda.").split(".")[0] in folders
        and not is_chart_value(word, values)
    ]
    missing = [word for word in words if not names_module(word)]
    assert missing == [], [f"{word}{suggest(word.rsplit('.', 1)[-1] + '.py')}" for word in missing]


@documents
def test_each_target_of_make_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"`make ([a-z-]+)[`\s]", read_prose(document))
    assert [target for target in named if target not in targets] == []


def test_the_table_of_behaviours_names_what_is_in_its_files() -> None:
    rows = ROW.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert len(rows) > 15
    wrong = []
    for name, symbol in rows:
        path = find_path(name)
        if path is None or symbol not in path.read_text():
            wrong.append(f"{symbol} is not in {name}{suggest_definition(symbol)}")
    assert wrong == []


def test_the_table_of_folders_has_every_folder() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    described = text[text.index("## The folders") : text.index("## Rules we keep")]
    folders = [str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.rglob("*/__init__.py")]
    agent = ROOT / "runtimes" / "agent"
    folders += {str(path.parent.relative_to(ROOT)) for path in agent.glob("*/*.go")}
    assert [folder for folder in folders if folder != "." and f"`{folder}`" not in described] == []


def test_the_table_of_promises_names_tests_that_exist() -> None:
    rows = PROMISE.findall((ROOT / "docs" / "promises.md").read_text())
    assert len(rows) > 30
    wrong = [
        (identifier, name, test)
        for identifier, name, test in rows
        if not re.search(rf"(?:def|func) {test}\b", (ROOT / name).read_text())
    ]
    assert wrong == []


def test_each_promise_and_fault_that_is_named_has_a_row() -> None:
    known = {row[0] for row in PROMISE.findall((ROOT / "docs" / "promises.md").read_text())}
    unknown = {
        (identifier, str(path.relative_to(ROOT)))
        for pattern in NAMING
        for path in ROOT.glob(pattern)
        if "release_0" not in path.parts
        for found in NAMED.findall(path.read_text())
        if (identifier := "".join(found).upper()) not in known
    }
    assert unknown == set()
