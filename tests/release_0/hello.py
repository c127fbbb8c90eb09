"""What a gateway of that release read of a hello."""

from dataclasses import dataclass
from typing import Any

from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.frames import ProtocolError
from kubelambda.gateway.link.hello import Identity

VERSION = 1
UPGRADE_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Hello:
    """A hello that is well-formed; whether it is true is another question."""

    identity: Identity
    key_generation: int
    nonce: str
    proof: str
    state: str
    request_id: str
    epoch: int


def decode_hello(fields: dict[str, Any]) -> Hello:
    """The hello in ``fields``; ProtocolError where a member is missing or of another type."""
    try:
        if fields["version"] != VERSION:
            raise ProtocolError("hello of an unknown version")
        texts = {
            name: _text(fields[name])
            for name in ("namespace", "function", "uid", "pod", "podUid", "revision")
        }
        return Hello(
            identity=Identity(
                ref=FunctionRef(texts["namespace"], texts["function"]),
                uid=texts["uid"],
                pod=texts["pod"],
                pod_uid=texts["podUid"],
                revision=texts["revision"],
                config_digest=_text(fields["configDigest"]),
            ),
            key_generation=int(fields["keyGeneration"]),
            nonce=_text(fields["nonce"]),
            proof=_text(fields["proof"]),
            state=_text(fields["state"]),
            request_id=_text(fields.get("requestId", "")),
            epoch=int(fields.get("epoch", 0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError("malformed hello") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > UPGRADE_BYTES_MAX:
        raise ValueError("not a text")
    return value
