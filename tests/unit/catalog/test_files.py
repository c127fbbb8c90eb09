"""Local mode's catalog: code that stands in a ConfigMap beside the function."""

from pathlib import Path

import pytest

from kubelambda.catalog.files import load_functions
from kubelambda.catalog.loaded import Loaded, keep_last_good, list_new_problems
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import Function

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
    return list(loaded.functions), [problem.message for problem in loaded.problems]


def test_code_comes_from_a_config_map_of_any_of_the_files(tmp_path: Path) -> None:
    (function,), problems = load(tmp_path, FUNCTION, CONFIG_MAP)
    assert function.code == InlineFiles({"app.py": "x = 1"})
    assert not problems


def test_a_config_map_that_is_not_there_is_said(tmp_path: Path) -> None:
    functions, problems = load(tmp_path, FUNCTION)
    assert not functions
    assert "'app'" in problems[0]


def test_a_config_map_of_another_namespace_is_not_taken(tmp_path: Path) -> None:
    """Rule A2: no reference reaches another namespace."""
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
        assert sorted(function.function_name for function in loaded.functions) == ["hello", "other"]
        assert [problem.path.name for problem in loaded.problems] == ["a.yaml"]
        assert [function.name for function in loaded.former] == ["hello"]
        former = loaded
    (tmp_path / "a.yaml").unlink()
    loaded = keep_last_good(former, load_functions([tmp_path]))
    assert [function.function_name for function in loaded.functions] == ["other"]


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
    assert [layer.content is not None for layer in function.layers] == [True]


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
    assert [function.stalled_message for function in loaded.functions if not function.ready] == []


INLINE = FUNCTION.replace("configMapRef: {name: app}", "inline: {app.py: x}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(INLINE.replace("handler", "handlr"), "handlr", id="a field is misspelt"),
        pytest.param(INLINE.replace("app.handler", "7"), "spec.handler", id="of a wrong type"),
        pytest.param(FUNCTION, "ConfigMap 'app'", id="what it names is not there"),
        pytest.param(
            INLINE.replace("LambdaFunction", "LambdaFunktion"),
            "did you mean LambdaFunction?",
            id="the kind is misspelt",
        ),
        pytest.param(INLINE + "}", "cannot be read as YAML: line", id="no YAML"),
        pytest.param(INLINE + "\n---\na: [", "cannot be read as YAML", id="another is no YAML"),
        pytest.param(INLINE.replace("}}}", "}}"), "cannot be read", id="a brace is missing"),
        pytest.param(
            "kind: LambdaFunction\napiVersion: kubelambda.io/v1alpha1\nmetadata:\n"
            "  labels: {a: b}\n  name: hello\nspec:\n\thandler: x\n",
            "cannot be read as YAML",
            id="a tab",
        ),
        pytest.param(
            '{"apiVersion": "kubelambda.io/v1alpha1", "kind": "LambdaFunction",\n'
            ' "metadata": {"name": "hello"}, "spec": {"handler": "x",,}}',
            "cannot be read as YAML",
            id="JSON with a comma too many",
        ),
    ],
)
def test_who_calls_a_function_whose_document_has_an_error_hears_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "hello.yaml").write_text(text)
    loaded = load_functions([tmp_path])
    assert loaded.functions == ()
    (refused,) = loaded.stand_ins
    assert (refused.ref.namespace, refused.ref.name) == ("default", "hello")
    assert refused.cannot_run
    assert reason in refused.stalled_message
    assert "hello.yaml" in refused.stalled_message


def test_the_name_that_callers_use_is_known_of_a_refused_function_too(tmp_path: Path) -> None:
    text = INLINE.replace("{runtime", "{functionName: greet, handlr: x, runtime")
    for broken in (text, text + "}"):
        (tmp_path / "hello.yaml").write_text(broken)
        (refused,) = load_functions([tmp_path]).stand_ins
        assert refused.function_name == "greet"


def test_what_is_served_as_before_is_not_refused(tmp_path: Path) -> None:
    (tmp_path / "hello.yaml").write_text(INLINE)
    former = load_functions([tmp_path])
    (tmp_path / "hello.yaml").write_text(INLINE.replace("handler", "handlr"))
    kept = keep_last_good(former, load_functions([tmp_path]))
    assert kept.functions == former.functions
    assert kept.stand_ins == ()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (("handler", "handlr"), "second: spec.handlr: there is no such field"),
        (("LambdaFunction", "LambdaFuncton"), "second: kind: there is no LambdaFuncton"),
    ],
)
def test_of_many_documents_in_a_file_the_one_with_the_error_is_named(
    tmp_path: Path, mistake: tuple[str, str], message: str
) -> None:
    second = INLINE.replace("hello", "second").replace(*mistake)
    (tmp_path / "all.yaml").write_text(f"{INLINE}\n---\n{second}")
    (problem,) = load_functions([tmp_path]).problems
    assert str(problem).startswith(f"{tmp_path / 'all.yaml'}: {message}")


def test_of_many_layers_in_a_file_the_one_with_the_error_is_named(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(LAYER.replace("version: 1", "version: 0"))
    (problem,) = load_functions([tmp_path]).problems
    assert str(problem).startswith(f"{tmp_path / 'all.yaml'}: base-1: spec.version: ")


def test_a_problem_is_new_once(tmp_path: Path) -> None:
    (tmp_path / "hello.yaml").write_text(INLINE.replace("handler", "handlr"))
    first, second = load_functions([tmp_path]), load_functions([tmp_path])
    assert len(list_new_problems(Loaded((), ()), first)) == 1
    assert list_new_problems(first, second) == []


def test_who_calls_a_function_whose_layer_has_an_error_hears_the_reason(tmp_path: Path) -> None:
    layer = (
        "apiVersion: kubelambda.io/v1alpha1\nkind: LambdaLayer\nmetadata: {name: tools-1}\n"
        "spec: {version: 1, content: {inlin: {a: b}}}\n"
    )
    function = INLINE.replace("{runtime", "{layers: [{name: tools, version: 1}], runtime")
    (tmp_path / "hello.yaml").write_text(function)
    (tmp_path / "tools.yaml").write_text(layer)
    (served,) = load_functions([tmp_path]).functions
    assert served.cannot_run
    assert "inlin" in served.stalled_message
    assert "tools.yaml" in served.stalled_message
