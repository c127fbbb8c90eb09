"""The AWS account that a namespace stands for.

Contract: pure.
"""

import hashlib


def derive_account_id(namespace: str) -> str:
    """The 12 digits that stand for a namespace if nobody chose any."""
    number = int.from_bytes(hashlib.sha256(namespace.encode()).digest()[:8], "big")
    return f"{number % 10**12:012d}"
