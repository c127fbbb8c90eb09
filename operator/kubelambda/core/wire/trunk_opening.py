"""How a trunk is opened: an HTTP Upgrade, and a proof from each end that it holds the same key.

Contract: pure; docs/forwarding.md. The gateway that dials sends its nonce and the versions that it
speaks; the other one answers 101 with its own nonce, the version that it has chosen and its proof;
the first frame of the dialling gateway is its own proof. Each proof covers both nonces, the
versions that were offered and chosen, and the address that was dialled, so a recorded opening
proves nothing when it is replayed, to the same gateway or to another one. Both ends prove that they
hold the key whose id the dialling gateway names; one that names none is of the previous release,
and means FIRST_KEY_ID. Any answer other than 101 means that the other gateway does not speak
trunks.
"""

from typing import Final, NamedTuple

from kubelambda.core.wire.key_ring import FIRST_KEY_ID

TRUNK_PATH: Final = "/internal/v1/trunk"
PROTOCOL: Final = "kubelambda-trunk/1"
PROTOCOLS: Final = (PROTOCOL,)
"""What this release speaks, the newest first."""
NONCE_CHARS: Final = 32
PROOF_CHARS: Final = 64
OPENING_BYTES_MAX: Final = 4_096
NONCE_HEADER: Final = "x-kubelambda-trunk-nonce"
PROOF_HEADER: Final = "x-kubelambda-trunk-proof"
KEY_HEADER: Final = "x-kubelambda-trunk-key"

_REQUEST_LINE: Final = f"GET {TRUNK_PATH} HTTP/1.1\r\n".encode()
_HEAD_END: Final = b"\r\n\r\n"
_SWITCHING: Final = "HTTP/1.1 101 Switching Protocols"
_OTHERS_MAX: Final = 8


class MalformedOpeningError(ValueError):
    """Not an opening, or none that this release understands."""


class NotSpokenError(Exception):
    """The other gateway does not speak trunks; it is of an older release."""


class Opening(NamedTuple):
    """What both ends have said once a version is chosen, and what each of them proves."""

    address: str
    """The one that was dialled."""
    protocol: str
    offered: str
    dialled: str
    """The nonce of the gateway that dials."""
    accepted: str
    """The nonce of the other one."""

    def cover_dialling(self) -> str:
        """What the proof of the gateway that dials covers."""
        return "\n".join(("kubelambda-trunk dialling", *self))

    def cover_accepting(self) -> str:
        """What the proof of the other gateway covers."""
        return "\n".join(("kubelambda-trunk accepting", *self))


def is_opening(received: bytes) -> bool | None:
    """Whether a connection that begins like this asks for a trunk; None: too early to say."""
    if received.startswith(_REQUEST_LINE):
        return True
    return None if _REQUEST_LINE.startswith(received) else False


def split_head(received: bytes) -> tuple[bytes, bytes] | None:
    """The head of an opening or of its answer, and what follows; None if its end is missing."""
    end = received.find(_HEAD_END, 0, OPENING_BYTES_MAX)
    if end < 0:
        if len(received) >= OPENING_BYTES_MAX:
            raise MalformedOpeningError("the head of the opening is too long")
        return None
    return received[:end], received[end + len(_HEAD_END) :]


def encode_opening(address: str, nonce: str, key_id: str) -> bytes:
    """What a gateway that dials ``address`` sends; it proves itself with the key of ``key_id``."""
    return (
        _REQUEST_LINE
        + (
            f"Host: {address}\r\nConnection: Upgrade\r\nUpgrade: {', '.join(PROTOCOLS)}\r\n"
            f"{NONCE_HEADER}: {nonce}\r\n{KEY_HEADER}: {key_id}\r\n\r\n"
        ).encode()
    )


def decode_opening(head: bytes) -> tuple[str, str, str, str]:
    """The address that was dialled, the nonce, the offered versions and the key's id of a head."""
    _, headers = _read_head(head)
    address, nonce, offered = (headers.get(name, "") for name in ("host", NONCE_HEADER, "upgrade"))
    if not _is_hex(nonce, NONCE_CHARS):
        raise MalformedOpeningError("an opening without a nonce")
    return address, nonce, offered, headers.get(KEY_HEADER, FIRST_KEY_ID)


def choose_protocol(offered: str) -> str | None:
    """The newest offered version that this release speaks; None if there is none."""
    names = [name.strip() for name in offered.split(",", _OTHERS_MAX)]
    return next((protocol for protocol in PROTOCOLS if protocol in names), None)


def encode_acceptance(protocol: str, nonce: str, proof: str) -> bytes:
    """The answer to an opening."""
    return (
        f"{_SWITCHING}\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
        f"{NONCE_HEADER}: {nonce}\r\n{PROOF_HEADER}: {proof}\r\n\r\n"
    ).encode()


def encode_refusal(status: str) -> bytes:
    """The answer if no trunk is opened; it names the versions that this release speaks."""
    return (
        f"HTTP/1.1 {status}\r\nUpgrade: {', '.join(PROTOCOLS)}\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


def decode_acceptance(head: bytes) -> tuple[str, str, str]:
    """The version, the nonce and the proof; NotSpokenError if no trunk was opened."""
    try:
        first, headers = _read_head(head)
    except MalformedOpeningError as error:
        raise NotSpokenError(str(error)) from error
    if first != _SWITCHING:
        raise NotSpokenError(f"it answered {first[:64]!r}")
    protocol, nonce, proof = (
        headers.get(name, "") for name in ("upgrade", NONCE_HEADER, PROOF_HEADER)
    )
    if protocol not in PROTOCOLS:
        raise NotSpokenError(f"it speaks {protocol[:64]!r}")
    if not _is_hex(nonce, NONCE_CHARS) or not _is_hex(proof, PROOF_CHARS):
        raise MalformedOpeningError("an acceptance without a nonce or a proof")
    return protocol, nonce, proof


def _read_head(head: bytes) -> tuple[str, dict[str, str]]:
    try:
        first, *lines = head.decode("ascii").split("\r\n")
    except ValueError as error:
        raise MalformedOpeningError("a head that is not ASCII") from error
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name in headers:
            raise MalformedOpeningError("a header without a value, or twice")
        headers[name] = value.strip()
    return first, headers


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(character in "0123456789abcdef" for character in text)
