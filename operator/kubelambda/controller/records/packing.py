"""Compressed parts of a manifest, kept to find drift: what somebody else has changed.

Contract: pure. Compressed, since the controller has no memory to spare for whole manifests.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any


def pick_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata in which drift is looked for: labels and owner references."""
    return {key: metadata[key] for key in ("labels", "ownerReferences") if key in metadata}


def pack(content: Mapping[str, Any]) -> bytes:
    """``content`` compressed; ``unpack`` gives it back."""
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)


def unpack(packed: bytes) -> dict[str, Any]:
    """What was packed."""
    unpacked: dict[str, Any] = json.loads(zlib.decompress(packed))
    return unpacked


def compute_digest(content: Mapping[str, Any]) -> str:
    """A digest of ``content`` that does not depend on the order of its keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
