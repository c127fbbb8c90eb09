"""Local mode's catalog: code that stands in a ConfigMap beside the function."""

from pathlib import Path

from kubelambda.catalog.files import keep_last_good, load_functions
from kubelambda.core.function import Function

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
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


def test_a_file_that_is_nested_too_deeply_does_not_hide_the_others(tmp_path: Path) -> None:
    functions, problems = load(tmp_path, "[" * 5_000, FUNCTION, CONFIG_MAP)
    assert len(functions) == 1
    assert problems == ["is nested too deeply to be read"]


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


LAYERED = FUNCTION.replace("configMapRef: {name: app}}", 'inline: {app.py: ""}}, layers: LIST')
LAYER = """
apiVersion: kubelambda.io/v1alpha1
kind: LambdaLayer
metadata: {name: base-1}
spec: {version: 1, content: {inline: {python/base.py: "x = 1"}}}
"""


def test_a_layer_of_any_of_the_files_is_found(tmp_path: Path) -> None:
    wanted = LAYERED.replace("LIST", "[{name: base, version: 1}]")
    (function,), problems = load(tmp_path, wanted, LAYER)
    assert not problems
    assert function.ready
    assert [one.content is not None for one in function.layers] == [True]


def test_a_layer_that_is_not_there_stalls_the_function_as_on_a_cluster(tmp_path: Path) -> None:
    wanted = LAYERED.replace("LIST", "[{name: base, version: 2}]")
    (function,), _ = load(tmp_path, wanted, LAYER)
    assert (function.ready, function.stalled_reason) == (False, "LayerNotFound")
    assert "base:2" in function.stalled_message


def test_of_two_layers_that_are_the_same_version_the_first_stays(tmp_path: Path) -> None:
    other = LAYER.replace("base-1", "other").replace("version: 1", "version: 1, layerName: base")
    _, problems = load(tmp_path, LAYER, other)
    assert problems == ["a second layer version base:1; the first stays"]


def test_a_layer_that_the_api_server_would_refuse_is_reported(tmp_path: Path) -> None:
    _, problems = load(tmp_path, LAYER.replace("version: 1", "version: 0"))
    assert "spec.version" in problems[0]


def test_every_example_can_be_served() -> None:
    loaded = load_functions([EXAMPLES])
    assert loaded.problems == ()
    assert [one.stalled_message for one in loaded.functions if not one.ready] == []
