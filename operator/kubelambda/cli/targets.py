"""Where the objects of a command are: local mode, or a cluster.

Contract: one client for both (``objects.kubernetes``); a cluster needs the official client, local
mode nothing.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubelambda.cli.extras import needs_extra
from kubelambda.cli.failure import CommandError
from kubelambda.cli.target_options import TargetOptions
from kubelambda.kube.client import HttpKubeApi, connect, connect_plainly
from kubelambda.kube.errors import KubeError
from kubelambda.objects.errors import UnavailableError
from kubelambda.objects.kubernetes import KubernetesObjects
from kubelambda.objects.port import Objects

MANAGER = "kubelambda-cli"


@asynccontextmanager
async def open_objects(options: TargetOptions) -> AsyncIterator[Objects]:
    """The objects of the target; CommandError if there is no such target, or no answer."""
    client = _connect(options)
    try:
        yield KubernetesObjects(client, manager=MANAGER)
    except UnavailableError as error:
        raise CommandError(_explain(options, error)) from error
    finally:
        client.close()


def _connect(options: TargetOptions) -> HttpKubeApi:
    if not options.is_cluster:
        try:
            return connect_plainly(options.endpoint_url)
        except ValueError as error:
            raise CommandError(str(error)) from error
    with needs_extra("controller"):
        try:
            return connect(kubeconfig=options.kubeconfig, context=options.context)
        except KubeError as error:
            raise CommandError(str(error)) from error


def _explain(options: TargetOptions, error: UnavailableError) -> str:
    if options.is_cluster:
        return f"the cluster does not answer: {error}"
    return (
        f"nothing answers at {options.endpoint_url} ({error}); start local mode with `kubelambda "
        "local start`, name another address with --endpoint-url, or a cluster with --cluster"
    )
