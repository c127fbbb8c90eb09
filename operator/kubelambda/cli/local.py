"""``kubelambda local``: serve functions on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from kubelambda.cli.extras import needs_extra
from kubelambda.cli.failure import fail
from kubelambda.cli.suggestions import SuggestingGroup
from kubelambda.config import read_environment

app = typer.Typer(
    cls=SuggestingGroup,
    help="Serve functions on this machine, without a cluster.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Keep ``start`` a command of its own: a typer app of one command has no sub-commands."""


@app.command()
def start(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]", help="YAML files, or directories with YAML files."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Lambda API; 0 takes any free one.")
    ] = 9000,
    state: Annotated[
        Path,
        typer.Option(help="Directory for applied objects, packages, queued events and functions."),
    ] = Path(".kubelambda"),
) -> None:
    """Serve the functions in the YAML files at http://127.0.0.1:PORT until Ctrl-C.

    Prints the functions and commands to try. Edited files are read again at once. What was applied
    with `kubelambda apply` is served too, without any PATH if need be.
    """
    with needs_extra("local"):
        from kubelambda.local.errors import LocalModeError
        from kubelambda.local.serve import LocalOptions, serve

    options = LocalOptions(
        paths=paths or [],
        port=port,
        state=state.absolute(),
        inherited=read_environment(),
        say=lambda text: print(text, flush=True),
    )
    try:
        asyncio.run(serve(options))
    except LocalModeError as error:
        fail(error)
