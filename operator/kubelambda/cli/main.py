"""Entry point of ``kubelambda``.

Contract: a role's modules are imported by its own command only, so that a gateway never loads what
only the controller needs. A mistake that the user can correct ends with one line and exit code 2.
"""

from typing import Annotated, TypeVar

import typer

from kubelambda.cli.crds import app as crds_app
from kubelambda.cli.extras import needs_extra
from kubelambda.cli.failure import fail
from kubelambda.cli.local import app as local_app
from kubelambda.cli.objects import register as register_objects
from kubelambda.cli.package import app as package_app
from kubelambda.cli.suggestions import SuggestingGroup
from kubelambda.config import (
    ControllerSettings,
    DispatcherSettings,
    GatewaySettings,
    SettingError,
)
from kubelambda.telemetry.build_info import read_build_info

SettingsT = TypeVar("SettingsT", ControllerSettings, DispatcherSettings, GatewaySettings)

ROLES = "Processes of an installation, which the chart starts"

app = typer.Typer(
    name="kubelambda",
    cls=SuggestingGroup,
    help="AWS Lambda functions on your own Kubernetes.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(local_app, name="local")
app.add_typer(package_app, name="package")
app.add_typer(crds_app, name="crds")
register_objects(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(read_build_info())
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="The same as the command version.",
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def version() -> None:
    """Print the version of kubelambda, and whether it is compiled or pure Python."""
    print(read_build_info())


@app.command(rich_help_panel=ROLES)
def controller() -> None:
    """Run a controller: it keeps functions' objects, images and pods as they should be."""
    with needs_extra("controller"):
        from kubelambda.controller.main import run

    run(_read_settings(ControllerSettings))


@app.command(rich_help_panel=ROLES)
def gateway() -> None:
    """Run a gateway: it serves the Lambda API and hands invocations to environments."""
    with needs_extra("gateway"):
        from kubelambda.gateway.main import run

    raise typer.Exit(run(_read_settings(GatewaySettings)))


@app.command(rich_help_panel=ROLES)
def dispatcher() -> None:
    """Run a dispatcher: it invokes functions with the asynchronous events in the queue."""
    with needs_extra("gateway"):
        from kubelambda.dispatch.main import run

    raise typer.Exit(run(_read_settings(DispatcherSettings)))


def _read_settings(kind: type[SettingsT]) -> SettingsT:
    try:
        return kind.from_environment()
    except SettingError as error:
        fail(error)


def main() -> None:
    """Run the command line."""
    app()
