"""The list of modules that the image's wheel compiles.

`make test` runs these on the checkout, `make test-compiled` on the compiled wheel.
"""

import importlib
import tomllib
from pathlib import Path
from typing import Any

from kubelambda.telemetry.build_info import read_build_info
from kubelambda.telemetry.metrics import build_registry

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOOK: dict[str, Any] = PROJECT["tool"]["hatch"]["build"]["hooks"]["custom"]
LISTED: list[str] = HOOK["compiled-modules"]


def test_every_listed_module_exists_and_is_listed_once_in_order() -> None:
    assert [
        name for name in LISTED if not (ROOT / "operator" / "kubelambda" / name).is_file()
    ] == []
    assert sorted(set(LISTED)) == LISTED


def test_the_build_says_compiled_where_every_listed_module_is_and_pure_where_none_is() -> None:
    names = [f"kubelambda.{name.removesuffix('.py').replace('/', '.')}" for name in LISTED]
    sources = [str(importlib.import_module(name).__file__).endswith(".py") for name in names]
    expected = {"pure Python": {True}, "compiled": {False}}
    assert set(sources) == expected[read_build_info().form]


def test_the_metrics_of_every_role_say_which_build_it_is() -> None:
    build = read_build_info()
    labels = {"version": build.version, "form": build.form}
    assert build_registry().get_sample_value("kubelambda_build_info", labels) == 1
