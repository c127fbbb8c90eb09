"""The NetworkPolicy of ordinary functions, one per namespace.

Contract: pure. Egress to DNS, to the gateway's internal port and to public addresses; no ingress.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubelambda.kube.paths import NETWORK_POLICIES
from kubelambda.kube.resources import labels

POLICY_NAME = "kubelambda-default"
_DNS_PORT = 53
_PRIVATE_IPV6 = ("::1/128", "fc00::/7", "fe80::/10")


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """Where things are in this cluster; peers are NetworkPolicy peers."""

    gateway_peers: Sequence[dict[str, Any]]
    gateway_port: int
    private_cidrs: Sequence[str]
    dns_peers: Sequence[dict[str, Any]] = ()
    """Empty: DNS may be anywhere."""


def build_network_policy(namespace: str, rules: NetworkRules) -> dict[str, Any]:
    """The policy for pods labelled ``kubelambda.io/network=default``."""
    dns: dict[str, Any] = {
        "ports": [{"protocol": protocol, "port": _DNS_PORT} for protocol in ("UDP", "TCP")]
    }
    if rules.dns_peers:
        dns["to"] = list(rules.dns_peers)
    gateway = {
        "ports": [{"protocol": "TCP", "port": rules.gateway_port}],
        "to": list(rules.gateway_peers),
    }
    return {
        "apiVersion": NETWORK_POLICIES.api_version,
        "kind": NETWORK_POLICIES.kind,
        "metadata": {
            "name": POLICY_NAME,
            "namespace": namespace,
            "labels": {labels.MANAGED_BY: labels.MANAGER},
        },
        "spec": {
            "podSelector": {"matchLabels": {labels.NETWORK: labels.NETWORK_DEFAULT}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [dns, gateway, {"to": _build_public_blocks(rules.private_cidrs)}],
        },
    }


def _build_public_blocks(private_cidrs: Sequence[str]) -> list[dict[str, Any]]:
    private_v4 = [cidr for cidr in private_cidrs if ":" not in cidr]
    private_v6 = sorted({*_PRIVATE_IPV6, *(cidr for cidr in private_cidrs if ":" in cidr)})
    return [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": private_v4}},
        {"ipBlock": {"cidr": "::/0", "except": private_v6}},
    ]
