"""How a command fails: one line on standard error, and an exit code."""

import sys
from typing import NoReturn

import typer

EXIT_MISTAKE = 2
"""Something that the user can correct."""


class CommandError(Exception):
    """The command cannot be carried out; the message says what to do."""


def fail(message: object, exit_code: int = EXIT_MISTAKE) -> NoReturn:
    """Print ``message`` and end the command."""
    print(f"kubelambda: {message}", file=sys.stderr)
    raise typer.Exit(exit_code)
