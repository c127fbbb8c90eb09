"""Where DNS and the gateways are: from settings to the peers of NetworkPolicies.

Contract: pure. A setting that cannot be read stops the controller from starting.
"""

from typing import Any

import yaml

from kubelambda.config import ControllerSettings, SettingError
from kubelambda.kube.resources.network_policy import NetworkRules


def build_network_rules(settings: ControllerSettings) -> NetworkRules:
    """The rules of this installation; SettingError names the setting that cannot be read."""
    release = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": settings.namespace}}
    }
    port = settings.gateway_address.rpartition(":")[2]
    if not port.isdigit():
        raise SettingError(
            f"KUBELAMBDA_GATEWAY_ADDRESS is {settings.gateway_address!r}; expected host:port"
        )
    return NetworkRules(
        gateway_peers=_parse_peers("GATEWAY_SELECTOR", settings.gateway_selector) or [release],
        gateway_port=int(port),
        private_cidrs=settings.private_cidrs,
        dns_peers=_parse_peers("DNS_SELECTOR", settings.dns_selector),
    )


def _parse_peers(variable: str, text: str) -> list[dict[str, Any]]:
    try:
        peers = yaml.safe_load(text) if text.strip() else []
    except yaml.YAMLError as error:
        raise SettingError(f"KUBELAMBDA_{variable} is not YAML: {error}") from error
    if not isinstance(peers, list) or not all(isinstance(peer, dict) for peer in peers):
        raise SettingError(f"KUBELAMBDA_{variable} must be a list of NetworkPolicy peers")
    return peers
