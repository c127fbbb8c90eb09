"""A mistyped command is answered with the one that was probably meant."""

import pytest
from typer.testing import CliRunner

from kubelambda.cli.main import app


def answer(*arguments: str) -> str:
    """What is printed, in one line, without the frame around it."""
    result = CliRunner().invoke(app, arguments, prog_name="kubelambda")
    assert result.exit_code == 2
    return " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("locl",), "No such command 'locl'. Did you mean `kubelambda local`?"),
        (("start", "f.yaml"), "No such command 'start'. Did you mean `kubelambda local start`?"),
        (("pusch",), "No such command 'pusch'. Did you mean `kubelambda package push`?"),
        (("local", "strat"), "No such command 'strat'. Did you mean `kubelambda local start`?"),
    ],
)
def test_a_command_that_is_close_is_named_with_its_group(
    typed: tuple[str, ...], message: str
) -> None:
    assert message in answer(*typed)


def test_where_none_is_close_all_are_listed() -> None:
    assert "Commands of `kubelambda local`: start." in answer("local", "serve")
    assert "version, controller, gateway, dispatcher, local, package, crds." in answer("zzz")


def test_an_unknown_option_is_not_taken_for_a_command() -> None:
    assert "No such option: --locl" in answer("--locl")
