"""The digest of a set of files: controller, local mode and agent compute the same one.

Contract: pure. SHA-256 over each file in the order of its name's bytes: the name, a line feed, the
length in decimal, a line feed, the content. The Go twin is runtimes/agent/code/mounted.go; shared
vectors: tests/vectors/code_digest.json.
"""

import base64
import hashlib
from collections.abc import Mapping


def digest_files(files: Mapping[str, bytes]) -> str:
    """In base64, as AWS prints code digests."""
    digest = hashlib.sha256()
    for name in sorted(files, key=str.encode):
        content = files[name]
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return base64.b64encode(digest.digest()).decode()
