"""Entry point of ``kubelambda``.

Contract: a role's modules are imported by its own command only, so that a gateway never loads what
only the controller needs. Errors that a person can mend end with one line and exit code 2.
"""

import asyncio
import sys
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from kubelambda.cli.crds import app as crds_app
from kubelambda.cli.extras import needs_extra
from kubelambda.cli.package import app as package_app
from kubelambda.config import (
    ControllerSettings,
    DispatcherSettings,
    GatewaySettings,
    SettingError,
    read_environment,
)

SettingsT = TypeVar("SettingsT", ControllerSettings, DispatcherSettings, GatewaySettings)

app = typer.Typer(
    name="kubelambda",
    help="AWS Lambda functions on your own Kubernetes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
local_app = typer.Typer(help="Serve functions on this machine, without a cluster.")
app.add_typer(local_app, name="local", no_args_is_help=True)
app.add_typer(crds_app, name="crds", no_args_is_help=True)
app.add_typer(package_app, name="package", no_args_is_help=True)


@app.command()
def version() -> None:
    """Print the version."""
    print(package_version("kubelambda"))


@app.command()
def controller() -> None:
    """Run the controller (settings: KUBELAMBDA_*, see kubelambda.config)."""
    with needs_extra("controller"):
        from kubelambda.controller.main import run

    raise typer.Exit(run(_settings(ControllerSettings)))


@app.command()
def gateway() -> None:
    """Run a gateway (settings: KUBELAMBDA_*, see kubelambda.config)."""
    with needs_extra("gateway"):
        from kubelambda.gateway.main import run

    raise typer.Exit(run(_settings(GatewaySettings)))


@app.command()
def dispatcher() -> None:
    """Run a dispatcher of asynchronous events (settings: KUBELAMBDA_*, see kubelambda.config)."""
    with needs_extra("gateway"):
        from kubelambda.dispatch.main import run

    raise typer.Exit(run(_settings(DispatcherSettings)))


@local_app.command("start")
def local_start(
    paths: Annotated[list[Path], typer.Argument(help="YAML files, or directories of them.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the Lambda API.")] = 9000,
    state: Annotated[Path, typer.Option(help="Directory for everything that is written.")] = Path(
        ".kubelambda"
    ),
) -> None:
    """Serve every LambdaFunction found under PATHS at http://127.0.0.1:PORT."""
    with needs_extra("local"):
        from kubelambda.local.environments import AgentMissingError
        from kubelambda.local.serve import LocalModeError, LocalOptions, serve

    options = LocalOptions(
        paths=paths,
        port=port,
        state=state.absolute(),
        inherited=read_environment(),
        say=lambda text: print(text, flush=True),
    )
    try:
        asyncio.run(serve(options))
    except (LocalModeError, AgentMissingError) as error:
        _fail(str(error))


def _settings(kind: type[SettingsT]) -> SettingsT:
    try:
        return kind.from_environment()
    except SettingError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    print(f"kubelambda: {message}", file=sys.stderr)
    raise typer.Exit(2)


def main() -> None:
    """Run the command line."""
    app()
