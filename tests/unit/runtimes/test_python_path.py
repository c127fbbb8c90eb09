"""The Python runtime finds modules in Lambda's order (spec/lambda.md, section 6.3)."""

import importlib.util
from pathlib import Path
from types import ModuleType

SOURCE = Path(__file__).parents[3] / "runtimes" / "python" / "runtime_path.py"
STDLIB = ["/usr/lib/python313.zip", "/usr/lib/python3.13"]
LAYERS = ["/opt/python/lib/python3.13/site-packages", "/opt/python"]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runtime_path", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _order(path: list[str], chosen: list[str]) -> list[str]:
    return list(load().order_path(path, "/var/task", LAYERS, chosen))


def test_the_function_wins_over_layers_and_layers_over_the_image() -> None:
    expected = ["/var/task", *LAYERS, "/var/runtime", *STDLIB]
    assert _order(["/var/runtime", *STDLIB], []) == expected


def test_what_the_user_puts_on_pythonpath_comes_before_layers_and_loses_nothing() -> None:
    path = _order(["/var/runtime", *STDLIB], ["/var/task/vendored", "/opt/python"])
    assert path[:3] == ["/var/task", "/var/task/vendored", "/opt/python"]
    assert path[3:] == [LAYERS[0], "/var/runtime", *STDLIB]


def test_no_directory_is_named_twice() -> None:
    path = _order(["/opt/python", "/var/task", "/var/runtime", *STDLIB], ["/var/task"])
    assert len(path) == len(set(path))


def test_layers_are_looked_for_by_the_version_that_runs_and_the_one_that_was_asked_for() -> None:
    find = load().list_layer_directories
    assert find("/opt", "3.13", "3.13") == find("/opt", "3.13", "") == LAYERS
    assert find("/opt", "3.13", "3.14") == [
        LAYERS[0],
        "/opt/python/lib/python3.14/site-packages",
        LAYERS[1],
    ]
