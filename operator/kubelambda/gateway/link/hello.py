"""What an agent says when it dials.

Contract: docs/link.md, section 3. Values only; each number within bounds. The proof
shows that an agent holds its function's key and nothing more: all else that it says may be false.
"""

from dataclasses import dataclass
from typing import Any

from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire import frames
from kubelambda.core.wire.checked_values import read_text
from kubelambda.core.wire.frames import ProtocolError

VERSION = 1
_NAMES = ("namespace", "function", "uid", "pod", "podUid", "revision", "configDigest")
KEY_GENERATION_MAX = 10**9
NAME_CHARS_MAX = 253
"""The longest name of Kubernetes. The controller is told names and digests of pods."""
EPOCH_SAID_MAX = 2**63 - 1
"""What an agent's integer holds. Whether gateways can have issued an epoch is asked later."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an agent says of itself in hello."""

    ref: FunctionRef
    uid: str
    pod: str
    pod_uid: str
    revision: str
    config_digest: str


@dataclass(frozen=True, slots=True)
class Hello:
    """A hello that is well-formed; nothing that it says has been verified."""

    identity: Identity
    key_generation: int
    nonce: str
    proof: str
    state: str
    request_id: str
    epoch: int
    """The highest epoch that the agent says it has obeyed."""
    epoch_proof: str = ""
    """A gateway's proof that gateways made this epoch; empty from older agents."""


def decode_hello(fields: dict[str, Any]) -> Hello:
    """The hello in ``fields``; ProtocolError if a member is missing or of another type."""
    try:
        if _integer(fields, "version", VERSION, None) != VERSION:
            raise ProtocolError("hello of an unknown version")
        texts = {name: _read_name(fields[name]) for name in _NAMES}
        return Hello(
            identity=Identity(
                ref=FunctionRef(texts["namespace"], texts["function"]),
                uid=texts["uid"],
                pod=texts["pod"],
                pod_uid=texts["podUid"],
                revision=texts["revision"],
                config_digest=texts["configDigest"],
            ),
            key_generation=_integer(fields, "keyGeneration", KEY_GENERATION_MAX, None),
            nonce=read_text(fields["nonce"]),
            proof=read_text(fields["proof"]),
            state=read_text(fields["state"]),
            request_id=read_text(fields.get("requestId", "")),
            epoch=_integer(fields, "epoch", EPOCH_SAID_MAX, 0),
            epoch_proof=read_text(fields.get("epochProof", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError("malformed hello") from error


def _integer(fields: dict[str, Any], name: str, high: int, default: int | None) -> int:
    return frames.read_agent_integer(fields, name, high=high, default=default)


def _read_name(value: Any) -> str:
    """A name of printable ASCII, which takes one byte for each character in every report."""
    name = read_text(value, chars_max=NAME_CHARS_MAX)
    if not (name.isascii() and (name.isprintable() or not name)):
        raise ValueError("not a name")
    return name
