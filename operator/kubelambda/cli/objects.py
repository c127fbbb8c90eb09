"""``kubelambda apply``, ``get`` and ``delete``: objects of local mode or of a cluster.

Contract: what they print and how they exit is what kubectl does. What they need is imported when
they run: a gateway, which starts by the same program, loads none of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from kubelambda.cli.failure import CommandError, fail
from kubelambda.cli.output import Output
from kubelambda.cli.target_options import (
    DEFAULT_URL,
    Cluster,
    Context,
    EndpointUrl,
    Kubeconfig,
    Namespace,
    TargetOptions,
)

EXIT_REFUSED = 1
DEFAULT_NAMESPACE = "default"

Sources = Annotated[
    list[str], typer.Option("--filename", "-f", help="File, directory, or - for standard input.")
]
OptionalSources = Annotated[
    list[str] | None,
    typer.Option("--filename", "-f", help="File, directory, or - for standard input."),
]


def apply(
    filename: Sources,
    namespace: Namespace = "",
    endpoint_url: EndpointUrl = DEFAULT_URL,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Create or change objects as YAML files say, in local mode or on a cluster."""
    target = TargetOptions(endpoint_url, cluster, kubeconfig, context)

    def work() -> Coroutine[Any, Any, bool]:
        from kubelambda.cli.object_requests import apply_all

        return apply_all(target, filename, namespace)

    _run(work)


def get(
    words: Annotated[
        list[str], typer.Argument(metavar="KINDS [NAME]...", help="lfn,lyr or KIND/NAME or all.")
    ],
    namespace: Namespace = DEFAULT_NAMESPACE,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="In all namespaces.")
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="Format.")] = Output.TABLE,
    endpoint_url: EndpointUrl = DEFAULT_URL,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Show objects: functions (lfn), layers (lyr), and others."""
    target = TargetOptions(endpoint_url, cluster, kubeconfig, context)

    def work() -> Coroutine[Any, Any, bool]:
        from kubelambda.cli.object_requests import show

        return show(target, words, None if all_namespaces else namespace, output)

    _run(work)


def delete(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND NAME...]", help="Or KIND/NAME.")
    ] = None,
    filename: OptionalSources = None,
    namespace: Namespace = "",
    ignore_not_found: Annotated[
        bool, typer.Option("--ignore-not-found", help="What does not exist is no error.")
    ] = False,
    endpoint_url: EndpointUrl = DEFAULT_URL,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Delete objects, by name or as files list them."""
    target = TargetOptions(endpoint_url, cluster, kubeconfig, context)

    def work() -> Coroutine[Any, Any, bool]:
        from kubelambda.cli.object_requests import delete_all

        return delete_all(target, words or [], filename or [], namespace, ignore_not_found)

    _run(work)


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (apply, get, delete):
        app.command(rich_help_panel="Objects, in local mode and on a cluster")(command)


def _run(work: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Carry out ``work``, which says whether all of it succeeded."""
    from kubelambda.objects.errors import ObjectsError

    try:
        succeeded = asyncio.run(work())
    except CommandError as error:
        fail(error)
    except ObjectsError as error:
        fail(error, EXIT_REFUSED)
    if not succeeded:
        raise typer.Exit(EXIT_REFUSED)
