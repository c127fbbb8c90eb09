"""Revisions: the hash of a rendered pod spec, and the names that carry it.

Contract: pure. An existing pod template is never changed (that would kill busy pods), so whatever
changes the pod spec, our own part included, makes another revision with a Deployment of its own.
Labels carry uids and hashes, never names.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

REVISION_HEX_DIGITS = 10
# A ReplicaSet adds "-" and 10 characters, its pods "-" and 5; a pod's name is also its host name.
DEPLOYMENT_NAME_MAX = 63 - 11 - 6
SECRET_NAME_MAX = 63


def compute_revision(pod_spec: Mapping[str, Any]) -> str:
    """The revision of a pod spec: equal specs, in whatever order of keys, are one revision."""
    canonical = json.dumps(pod_spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:REVISION_HEX_DIGITS]


def build_deployment_name(function: str, revision: str) -> str:
    """Name of a revision's Deployment; the revision keeps apart functions that truncate alike."""
    return _truncate(function, DEPLOYMENT_NAME_MAX - 1 - len(revision)) + "-" + revision


def build_pod_name_prefix(function: str, revision: str) -> str:
    """What the name of a revision's direct pod begins with; the API server adds 5 characters."""
    return build_deployment_name(function, revision) + "-"


def build_key_secret_name(function: str, suffix: str) -> str:
    """Name of a function's key Secret; ``suffix`` comes from ``keys.derive_key_secret_suffix``."""
    middle = "-key-"
    return _truncate(function, SECRET_NAME_MAX - len(middle) - len(suffix)) + middle + suffix


def _truncate(name: str, length: int) -> str:
    """The beginning of ``name`` as a DNS label: no dots, no hyphen at its end."""
    return name.replace(".", "-")[:length].rstrip("-")
