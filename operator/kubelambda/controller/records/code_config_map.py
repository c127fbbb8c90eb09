"""The version of code that comes from a ConfigMap.

Contract: pure; nothing of the ConfigMap stays but a digest.
"""

import base64
from collections.abc import Mapping
from typing import Any

from kubelambda.core.packages.code_digest import digest_files


def digest_config_map(manifest: Mapping[str, Any]) -> str:
    """The digest of a ConfigMap's files; empty if it has none."""
    files = {name: text.encode() for name, text in (manifest.get("data") or {}).items()}
    for name, content in (manifest.get("binaryData") or {}).items():
        files[name] = base64.b64decode(content)
    return digest_files(files) if files else ""
