"""Options that choose where the objects of a command are.

Contract: loads nothing but typer, since every command of ``kubelambda`` does.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:9000"
_PANEL = "Where the objects are"

EndpointUrl = Annotated[
    str,
    typer.Option(
        envvar="AWS_ENDPOINT_URL_LAMBDA", help="URL of local mode.", rich_help_panel=_PANEL
    ),
]
Cluster = Annotated[
    bool,
    typer.Option("--cluster", help="The kubeconfig's current cluster.", rich_help_panel=_PANEL),
]
Kubeconfig = Annotated[
    str, typer.Option(help="A cluster, by the path of a kubeconfig.", rich_help_panel=_PANEL)
]
Context = Annotated[
    str, typer.Option(help="A cluster, by a context of the kubeconfig.", rich_help_panel=_PANEL)
]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the objects.")]


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """What the command line says; a cluster wins over the URL, which has a default."""

    endpoint_url: str = DEFAULT_URL
    cluster: bool = False
    kubeconfig: str = ""
    context: str = ""

    @property
    def is_cluster(self) -> bool:
        """Whether a cluster is meant."""
        return self.cluster or bool(self.kubeconfig or self.context)
