"""``kubelambda crds``: print the CustomResourceDefinitions, or apply them to a cluster.

Contract: what is applied is generated from the models of this very release. Applying is server-side
and safe to repeat; it never deletes a CRD. The chart runs ``apply`` before an upgrade, since Helm
installs ``crds/`` once and never again.
"""

import asyncio
import sys

import typer

from kubelambda.cli.extras import needs_extra

app = typer.Typer(help="The custom resource definitions of this release.", no_args_is_help=True)


@app.command("print")
def print_crds() -> None:
    """Print all definitions as YAML."""
    from kubelambda.api.crd import build_crds, render_crd

    print("---\n".join(render_crd(manifest) for manifest in build_crds().values()), end="")


@app.command("apply")
def apply_crds() -> None:
    """Apply all definitions to the cluster of this process and wait until they are served."""
    with needs_extra("controller"):
        from kubelambda.kube.errors import KubeError

    try:
        asyncio.run(_apply())
    except (KubeError, OSError) as error:
        print(f"kubelambda: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


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
