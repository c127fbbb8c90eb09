"""The Python runtime finds modules in Lambda's order (spec/lambda.md, section 6.3)."""

import importlib.util
from pathlib import Path
from types import ModuleType

SOURCE = Path(__file__).parents[3] / "runtimes" / "python" / "runtime_path.py"
STDLIB = ["/usr/lib/python313.zip", "/usr/lib/python3.13"]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runtime_path", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _order(path: list[str]) -> list[str]:
    return list(_load().order_path(path, "/var/task", "/var/runtime", "3.13"))


def test_the_function_wins_over_layers_and_layers_over_the_image() -> None:
    assert _order(["/var/runtime", *STDLIB]) == [
        "/var/task",
        "/opt/python/lib/python3.13/site-packages",
        "/opt/python",
        "/var/runtime",
        *STDLIB,
    ]


def test_the_runtime_stays_within_reach_where_the_user_sets_pythonpath() -> None:
    path = _order(["/var/task/vendored", *STDLIB])
    assert path[3] == "/var/task/vendored"
    assert path[-1] == "/var/runtime"


def test_no_directory_is_named_twice() -> None:
    path = _order(["/opt/python", "/var/task", "/var/runtime", *STDLIB])
    assert len(path) == len(set(path))
