"""``kubelambda crds``: print the CustomResourceDefinitions, or apply them to a cluster.

Contract: what is applied is generated from the models of this very release. Applying is server-side
and safe to repeat; it never deletes a CRD. The chart runs ``apply`` before an upgrade, since Helm
installs ``crds/`` once and never again.
"""

import asyncio

import typer

from kubelambda.cli.extras import needs_extra
from kubelambda.cli.failure import fail
from kubelambda.cli.suggestions import SuggestingGroup

EXIT_REFUSED = 1
"""The cluster cannot be reached, or refuses."""

app = typer.Typer(
    cls=SuggestingGroup,
    help="Print or apply the CustomResourceDefinitions of this release.",
    no_args_is_help=True,
)


@app.command("print")
def print_crds() -> None:
    """Print them as YAML."""
    from kubelambda.api.crd import build_crds, render_crd

    print("---\n".join(render_crd(manifest) for manifest in build_crds().values()), end="")


@app.command("apply")
def apply_crds() -> None:
    """Apply them to the cluster and wait until it serves them.

    The cluster is the one that this runs in, else the current context of the kubeconfig.
    """
    with needs_extra("controller"):
        from kubelambda.kube.errors import KubeError

    try:
        asyncio.run(_apply())
    except (KubeError, OSError) as error:
        fail(error, EXIT_REFUSED)


async def _apply() -> None:
    from kubelambda.api.crd import build_crds

    with needs_extra("controller"):
        from kubelambda.kube.client import connect
        from kubelambda.kube.crd import apply_crd

        client = connect()  # which imports the library of Kubernetes
    try:
        for manifest in build_crds().values():
            await apply_crd(client, manifest)
            print(f"{manifest['metadata']['name']} applied", flush=True)
    finally:
        client.close()
