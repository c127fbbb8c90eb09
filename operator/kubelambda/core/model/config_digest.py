"""The digest by which environments, gateways and the controller agree what a function is.

Contract: pure; the same bytes for ever, since pods carry it (tests/unit/core/model).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubelambda.core.model.log_config import LogConfig

DIGEST_HEX_DIGITS = 16


def digest_config(
    *,
    runtime: str,
    handler: str,
    code: Mapping[str, Any],
    memory_mb: int,
    timeout_s: int,
    environment: Mapping[str, str],
    values_from: Sequence[Mapping[str, Any]],
    logs: LogConfig,
) -> str:
    """16 hex digits over everything that ``configure`` hands to an environment.

    The controller writes it on the pod, the agent repeats it in hello, and the gateway compares.
    So both agree on which environments are current without a round trip through the status.
    """
    canonical = json.dumps(
        [
            runtime,
            handler,
            code,
            memory_mb,
            timeout_s,
            dict(environment),
            [dict(source) for source in values_from],
            logs.list_parts(),
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_HEX_DIGITS]


def combine_digest(digest: str, code_version: str, layers: Sequence[str] = ()) -> str:
    """Adds what the spec only names to ``digest``: what was found of the code, and the layers.

    ``layers`` are their digests, in the function's order.
    """
    if not code_version and not layers:
        return digest
    combined = "\n".join((digest, code_version, *layers)).encode()
    return hashlib.sha256(combined).hexdigest()[:DIGEST_HEX_DIGITS]
