"""Local mode's catalog: code that stands in a ConfigMap beside the function."""

from pathlib import Path

from kubelambda.catalog.files import keep_last_good, load_functions
from kubelambda.core.function import Function

FUNCTION = """
apiVersion: kubelambda.io/v1alpha1
kind: LambdaFunction
metadata: {name: hello}
spec: {runtime: python3.13, handler: app.handler, code: {configMapRef: {name: app}}}
"""
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: app}
data: {app.py: "x = 1"}
"""


def load(directory: Path, *texts: str) -> tuple[list[Function], list[str]]:
    for number, text in enumerate(texts):
        (directory / f"{number}.yaml").write_text(text)
    loaded = load_functions([directory])
    return list(loaded.functions), [one.message for one in loaded.problems]


def test_code_comes_from_a_config_map_of_any_of_the_files(tmp_path: Path) -> None:
    (function,), problems = load(tmp_path, FUNCTION, CONFIG_MAP)
    assert function.code.inline == {"app.py": "x = 1"}
    assert not problems


def test_a_config_map_that_is_not_there_is_said(tmp_path: Path) -> None:
    functions, problems = load(tmp_path, FUNCTION)
    assert not functions
    assert "'app'" in problems[0]


def test_a_config_map_of_another_namespace_is_not_taken(tmp_path: Path) -> None:
    """FAULTS rule 4.2: no reference reaches another namespace."""
    other = CONFIG_MAP.replace("{name: app}", "{name: app, namespace: other}")
    functions, problems = load(tmp_path, FUNCTION, other)
    assert not functions
    assert len(problems) == 1


def test_one_unreadable_file_does_not_hide_the_others(tmp_path: Path) -> None:
    functions, problems = load(tmp_path, "a: [", FUNCTION, CONFIG_MAP)
    assert len(functions) == 1
    assert "YAML" in problems[0]


def test_what_a_broken_or_empty_file_held_is_kept_and_what_a_removed_one_held_is_not(
    tmp_path: Path,
) -> None:
    """An editor empties a file before it writes it, and people mistype."""
    inline = FUNCTION.replace("configMapRef: {name: app}", "inline: {app.py: x}")
    (tmp_path / "a.yaml").write_text(inline)
    (tmp_path / "b.yaml").write_text(inline.replace("hello", "other"))
    former = load_functions([tmp_path])
    for text in ("", "a: [", inline + "oops: 1\n"):
        (tmp_path / "a.yaml").write_text(text)
        loaded = keep_last_good(former, load_functions([tmp_path]))
        assert sorted(one.function_name for one in loaded.functions) == ["hello", "other"]
        assert [one.path.name for one in loaded.problems] == ["a.yaml"]
        assert [one.name for one in loaded.former] == ["hello"]
        former = loaded
    (tmp_path / "a.yaml").unlink()
    loaded = keep_last_good(former, load_functions([tmp_path]))
    assert [one.function_name for one in loaded.functions] == ["other"]
