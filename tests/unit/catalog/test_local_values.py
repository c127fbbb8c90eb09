"""Local mode's values from Secrets and ConfigMaps that stand among the files."""

from pathlib import Path

import pytest

from kubelambda.catalog.files import load_functions
from kubelambda.core.model.function import Function

FUNCTION = """
apiVersion: kubelambda.io/v1alpha1
kind: LambdaFunction
metadata: {name: hello}
spec:
  runtime: python3.13
  handler: app.handler
  code: {inline: {app.py: x}}
  environment:
    variables: {PLAIN: "1"}
    valuesFrom:
      - {name: PASSWORD, secretKeyRef: {name: db, key: password}}
      - {name: MODE, configMapKeyRef: {name: settings, key: mode.txt}}
      - {name: EXTRA, secretKeyRef: {name: none, key: none, optional: true}}
"""
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: db}
data: {password: TUFSS0VS}
"""
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode.txt: fast}
"""


def load(directory: Path, *texts: str) -> tuple[list[Function], list[str]]:
    for number, text in enumerate(texts):
        (directory / f"{number}.yaml").write_text(text)
    loaded = load_functions([directory])
    return list(loaded.functions), [problem.message for problem in loaded.problems]


def test_values_become_variables_and_optional_ones_may_be_missing(tmp_path: Path) -> None:
    (function,), problems = load(tmp_path, FUNCTION, SECRET, CONFIG_MAP)
    assert dict(function.environment) == {"PLAIN": "1", "PASSWORD": "MARKER", "MODE": "fast"}
    assert not problems


def test_string_data_goes_before_data(tmp_path: Path) -> None:
    (function,), _ = load(
        tmp_path, FUNCTION, SECRET + "stringData: {password: plain}\n", CONFIG_MAP
    )
    assert function.environment["PASSWORD"] == "plain"


def test_a_changed_secret_makes_new_environments(tmp_path: Path) -> None:
    (before,), _ = load(tmp_path, FUNCTION, SECRET, CONFIG_MAP)
    (after,), _ = load(tmp_path, FUNCTION, SECRET.replace("TUFSS0VS", "Yg=="), CONFIG_MAP)
    assert before.config_digest != after.config_digest


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ((CONFIG_MAP,), "the key 'password' of the Secret 'db'"),
        ((SECRET,), "the key 'mode.txt' of the ConfigMap 'settings'"),
        ((SECRET.replace("password", "other"), CONFIG_MAP), "the key 'password' of the Secret"),
        (
            (SECRET.replace("{name: db}", "{name: db, namespace: other}"), CONFIG_MAP),
            "the key 'password' of the Secret 'db'",
        ),
        ((SECRET.replace("TUFSS0VS", "MARKER!"), CONFIG_MAP), "the key 'password'"),
    ],
)
def test_a_missing_value_is_named_and_no_value_is(
    tmp_path: Path, others: tuple[str, ...], named: str
) -> None:
    functions, (problem,) = load(tmp_path, FUNCTION, *others)
    assert not functions
    assert named in problem
    assert "MARKER" not in problem
    assert "TUFSS0VS" not in problem
