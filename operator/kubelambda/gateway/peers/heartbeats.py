"""Heartbeats between gateways over HTTP.

Contract: ``POST /internal/v1/heartbeat`` on the internal listener; request and reply are heartbeats
(``core.coordination.membership``), both signed with the key of the internal hop, the reply over the
request's signature too, so that no old one can be played back. A peer's answer is capped like any
other.
"""

from kubelambda.core.coordination.membership import (
    Heartbeat,
    MalformedHeartbeatError,
    decode_heartbeat,
    encode_heartbeat,
)
from kubelambda.gateway.peers.membership import PeerUnreachableError
from kubelambda.process.internal_client import InternalClient, InternalRequestError
from kubelambda.process.signatures import Signatures

HEARTBEAT_PATH = "/internal/v1/heartbeat"
HEARTBEAT_BYTES_MAX = 1_048_576
EXCHANGE_S = 1.0


class HttpHeartbeats:
    """Exchanges heartbeats with one POST each; a driver of ``membership.HeartbeatSender``."""

    def __init__(self, signatures: Signatures) -> None:
        self._client = InternalClient(
            signatures, reply_bytes_max=HEARTBEAT_BYTES_MAX, reply_is_signed=True
        )

    async def exchange(self, address: str, heartbeat: Heartbeat) -> Heartbeat:
        """Deliver ``heartbeat`` to ``address``; the other's own in reply."""
        body = encode_heartbeat(heartbeat)
        try:
            reply = await self._client.post(
                f"http://{address}", HEARTBEAT_PATH, body, timeout_s=EXCHANGE_S
            )
            if reply.status != 200:
                raise PeerUnreachableError(f"{address} answered {reply.status}")
            return decode_heartbeat(reply.body)
        except InternalRequestError as error:
            raise PeerUnreachableError(str(error), refused=error.is_refused) from error
        except MalformedHeartbeatError as error:
            raise PeerUnreachableError(repr(error)) from error

    async def close(self) -> None:
        """Close the connections to other gateways."""
        await self._client.close()
