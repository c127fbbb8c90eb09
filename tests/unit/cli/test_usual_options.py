"""Options that most programs have."""

import pytest
from typer.testing import CliRunner

from kubelambda.cli.main import app
from kubelambda.telemetry.build_info import read_build_info


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_the_version_is_printed(argument: str) -> None:
    result = CliRunner().invoke(app, [argument])
    assert (result.exit_code, result.output) == (0, f"{read_build_info()}\n")


@pytest.mark.parametrize("command", [[], ["local", "start"], ["package", "push"]])
def test_help_has_a_short_option_everywhere(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "-h"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
