"""How to reach the API server: from the pod's service account, else from the kubeconfig.

Contract: the CA is always the one that this source names; REQUESTS_CA_BUNDLE and SSL_CERT_FILE do
not replace it. ``kubernetes`` is imported on first use, since it takes 40 MB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubelambda.kube.errors import KubeError


class NoConnectionError(KubeError):
    """Neither a service account nor a kubeconfig was found."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What another client (kopf) needs to reach the same API server with the same rights."""

    server: str
    ca_path: str | None
    token: str | None
    certificate_path: str | None
    private_key_path: str | None


def load_configuration(*, kubeconfig: str = "", context: str = "") -> Any:
    """A ``kubernetes.client.Configuration``; NoConnectionError if there is nothing to load.

    With the path of a kubeconfig or the name of a context, the service account does not count.
    """
    from kubernetes import client, config  # noqa: PLC0415  # costs 40 MB, so on first use only

    configuration = client.Configuration()
    loader: Any = config  # the library has no types
    is_named = bool(kubeconfig or context)
    if is_named or not _load_service_account(loader, configuration):
        try:
            loader.load_kube_config(
                config_file=kubeconfig or None,
                context=context or None,
                client_configuration=configuration,
            )
        except config.ConfigException as error:
            found = "no such cluster" if is_named else "no service account and no kubeconfig"
            raise NoConnectionError(f"{found}: {error}") from error
    # The reconcile that wanted a write repeats it; a repeat down here would skip the fence.
    configuration.retries = False
    return configuration


def _load_service_account(loader: Any, configuration: Any) -> bool:
    """Whether this runs in a pod that has one."""
    try:
        loader.load_incluster_config(client_configuration=configuration)
    except loader.ConfigException:
        return False
    return True


def describe_connection(configuration: Any) -> Connection:
    """The connection as plain values; the token is the current one."""
    # With a scheme in either case ("bearer" from a service account), or without one.
    header = (_read_token(configuration.get_api_key_with_prefix) or "").strip()
    return Connection(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        token=header.rpartition(" ")[2] or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )


def _read_token(get_key: Callable[[str], str | None]) -> str | None:
    return get_key("BearerToken") or get_key("authorization")
