"""Packages over HTTP: where they go up and down, and an agent's proof that it may fetch one.

Contract: pure. A proof is an HMAC with the key of the function that names the package as its code
or as a layer; it is good for that one package and for AUTHORIZATION_AGE_S_MAX.
"""

import hashlib
import hmac

PACKAGES_PATH = "/internal/v1/packages/"
"""Agents fetch here, on a gateway's internal listener; the package's name follows."""
UPLOAD_PATH = "/kubelambda/v1/packages/"
"""People upload here, on the public listener; the package's name follows."""
AUTHORIZATION_HEADER = "x-kubelambda-package"
AUTHORIZATION_AGE_S_MAX = 300


def authorize_fetch(key: bytes, uid: str, key_generation: int, sha256: str, now_s: int) -> str:
    """Value of AUTHORIZATION_HEADER with which a function's agent asks for one package."""
    message = f"kubelambda-package/1\n{uid}\n{sha256}\n{now_s}".encode()
    proof = hmac.new(key, message, hashlib.sha256).hexdigest()
    return f"{uid}:{key_generation}:{now_s}:{proof}"


def read_authorization(header: str) -> tuple[str, int, int] | None:
    """The uid, key generation and moment that ``header`` names; None if it is none."""
    fields = header.split(":")
    if len(fields) != 4 or not fields[0]:
        return None
    uid, generation, moment, _ = fields
    if not all(
        part.isascii() and part.isdigit() and len(part) <= 12 for part in (generation, moment)
    ):
        return None
    return uid, int(generation), int(moment)


def is_authorized(key: bytes, header: str, sha256: str, now_s: int) -> bool:
    """Whether ``authorize_fetch`` with ``key`` made ``header`` for this package lately.

    Five minutes: the agent's clock is its node's, which the gateway does not trust to the second.
    """
    named = read_authorization(header)
    if named is None or abs(now_s - named[2]) > AUTHORIZATION_AGE_S_MAX:
        return False
    expected = authorize_fetch(key, named[0], named[1], sha256, named[2])
    return hmac.compare_digest(expected.encode(), header.encode())
