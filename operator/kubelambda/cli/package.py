"""``kubelambda package``: upload code that functions and layers name by its SHA-256.

Contract: nothing is sent before all of it could be read. Prints the SHA-256 and nothing else on
standard output.
"""

from pathlib import Path
from typing import Annotated

import typer

from kubelambda.cli.failure import CommandError, fail
from kubelambda.cli.package_upload import upload
from kubelambda.cli.package_zip import read_package, warn_of_backslashes
from kubelambda.cli.suggestions import SuggestingGroup

app = typer.Typer(
    cls=SuggestingGroup,
    help="Upload packages: the code of functions and layers.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Keep ``push`` a command of its own: a typer app of one command has no sub-commands."""


@app.command()
def push(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A directory, or a zip file, sent as it is."),
    ],
    endpoint_url: Annotated[
        str, typer.Option(envvar="AWS_ENDPOINT_URL_LAMBDA", help="URL of the Lambda API.")
    ] = "http://127.0.0.1:9000",
) -> None:
    """Upload a package and print its SHA-256.

    Functions name it in `code.package`, layers in `content.package`.
    The same files always have the same SHA-256.
    """
    try:
        content = read_package(path)
        warn_of_backslashes(path, content)
        print(upload(endpoint_url, content))
    except CommandError as error:
        fail(error)
