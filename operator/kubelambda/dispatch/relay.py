"""Invokes functions through a gateway's internal listener (``core.wire.relay``).

Contract: any gateway will do, since each knows the owner. An event may have begun before, so each
request is marked as one that may repeat. A connection that is lost, or a gateway that gives no sign
of life for SILENCE_S_MAX, says nothing about the run: Dropped. So ``invoke`` always ends.
"""

from collections.abc import Callable

from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.errors import ApiError, unavailable
from kubelambda.core.model.invocation import RESPONSE_BYTES_MAX, Dropped, Outcome
from kubelambda.core.wire.relay import (
    BEGUN_SIGN,
    META_HEADER,
    POSITIONAL,
    RELAY_PATH,
    SIGN_OF_LIFE,
    SILENCE_S_MAX,
    VERSION,
    MalformedRelayError,
    RelayRequest,
    encode_request,
)
from kubelambda.core.wire.relay_outcome import OUTCOME_HEADER, OUTCOME_IN_BODY, decode_outcome
from kubelambda.process.internal_client import InternalClient, InternalRequestError, OpenReply
from kubelambda.process.signatures import Signatures

REPLY_BYTES_MAX = RESPONSE_BYTES_MAX + 1_048_576
"""A payload, and what precedes it: signs of life, and the outcome with its log tail."""
OLD_GATEWAY_S_MAX = 1_020.0
"""A gateway of the previous release sends no signs of life; the dispatcher waits for it as long as
the longest timeout and the longest cold start take."""
_BAD_REQUEST = 400

Answer = tuple[int, str, bytes]
"""Status, value of OUTCOME_HEADER, body."""


class RelayInvoker:
    """A driver of ``dispatcher.Invoker`` over HTTP."""

    def __init__(
        self, address: str, signatures: Signatures, *, silence_s_max: float = SILENCE_S_MAX
    ) -> None:
        self._base_url = f"http://{address}"
        self._silence_s_max = silence_s_max
        self._client = InternalClient(signatures, reply_bytes_max=REPLY_BYTES_MAX)

    async def invoke(
        self, event: QueuedEvent, on_begun: Callable[[], None]
    ) -> Outcome | ApiError | Dropped:
        """One POST, as long as the function takes and the gateway proves to be alive."""
        try:
            status, outcome, body = await self._post(event, VERSION, on_begun)
            if status == _BAD_REQUEST:  # a gateway of the previous release; nothing has run
                status, outcome, body = await self._post(event, POSITIONAL, on_begun)
            if status != 200:
                return unavailable(f"the gateway answered {status}")
            return decode_outcome(outcome, body)
        except InternalRequestError as error:
            if error.is_unsent:
                return unavailable(f"no gateway can be reached: {error}")
            return Dropped()
        except MalformedRelayError:
            return Dropped()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _post(self, event: QueuedEvent, version: int, on_begun: Callable[[], None]) -> Answer:
        meta = (META_HEADER, encode_request(_describe(event), version))
        silence_s = OLD_GATEWAY_S_MAX if version == POSITIONAL else self._silence_s_max
        async with self._client.open(
            self._base_url, RELAY_PATH, event.payload, meta=meta, silence_s=silence_s
        ) as reply:
            body = await _read_body(reply, on_begun)
            return reply.status, reply.headers.get(OUTCOME_HEADER, ""), body


async def _read_body(reply: OpenReply, on_begun: Callable[[], None]) -> bytes:
    """The body without its signs of life; each part of it proves that the gateway is alive."""
    has_signs = reply.headers.get(OUTCOME_HEADER) == OUTCOME_IN_BODY
    parts: list[bytes] = []
    async for chunk in reply.iter_parts():
        part = chunk
        if has_signs and not parts:
            part = chunk.lstrip(SIGN_OF_LIFE + BEGUN_SIGN)
            if BEGUN_SIGN in chunk[: len(chunk) - len(part)]:
                on_begun()
        if part:
            parts.append(part)
    return b"".join(parts)


def _describe(event: QueuedEvent) -> RelayRequest:
    return RelayRequest(
        request_id=event.request_id,
        namespace=event.namespace,
        function_name=event.function_name,
        function_uid=event.function_uid,
        qualifier=event.qualifier,
        trace_id=event.trace_id,
        may_repeat=True,
        signs_of_life=True,
    )
