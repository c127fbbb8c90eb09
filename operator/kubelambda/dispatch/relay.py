"""Invokes through a gateway's internal listener (``core.wire.relay``).

Contract: any gateway will do, it knows the owner. Every event may have been begun before, so each
is sent as one that may repeat. A connection that is lost says nothing about the function: Dropped.
So does a gateway that gives no sign of life for SILENCE_S_MAX: ``invoke`` always ends.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.errors import ApiError, unavailable
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.demand import INTERNAL_KEY_INFO
from kubelambda.core.wire.keys import SIGNATURE_HEADER, derive_key
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
    sign_relay,
)
from kubelambda.core.wire.relay_outcome import OUTCOME_HEADER, OUTCOME_IN_BODY, decode_outcome
from kubelambda.process.keepalive import set_keepalive

CONNECT_S = 5.0
HEADER_BYTES_MAX = 32_768
OLD_GATEWAY_S_MAX = 1_020.0
"""The longest timeout and the longest cold start: a gateway of the release before gives no sign of
life, so this is when it is given up."""
_BAD_REQUEST = 400

Answer = tuple[int, str, bytes]
"""Status, value of OUTCOME_HEADER, body."""


class RelayInvoker:
    """A driver of ``dispatcher.Invoker`` over HTTP."""

    def __init__(
        self, address: str, master_secret: bytes, *, silence_s_max: float = SILENCE_S_MAX
    ) -> None:
        self._url = f"http://{address}{RELAY_PATH}"
        self._key = derive_key(master_secret, INTERNAL_KEY_INFO)
        self._silence_s_max = silence_s_max
        self._session: aiohttp.ClientSession | None = None

    async def invoke(
        self, event: QueuedEvent, on_begun: Callable[[], None]
    ) -> Outcome | ApiError | Dropped:
        """One POST, as long as the function takes and the gateway proves to be alive."""
        try:
            status, outcome, body = await self._post(event, VERSION, on_begun)
            if status == _BAD_REQUEST:  # a gateway of the release before; nothing has run
                status, outcome, body = await self._post(event, POSITIONAL, on_begun)
            if status != 200:
                return unavailable(f"the gateway answered {status}")
            return decode_outcome(outcome, body)
        except aiohttp.ClientConnectorError as error:
            return unavailable(f"no gateway can be reached: {error}")
        except (aiohttp.ClientError, TimeoutError, OSError, MalformedRelayError):
            return Dropped()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)

    async def _post(self, event: QueuedEvent, version: int, on_begun: Callable[[], None]) -> Answer:
        meta = encode_request(_describe(event), version)
        signature = sign_relay(self._key, meta, event.payload, int(time.time()))
        headers = {META_HEADER: meta, SIGNATURE_HEADER: signature}
        reading = _Reading(self._silence_s_max, on_begun)
        if version == POSITIONAL:
            reading = _Reading(OLD_GATEWAY_S_MAX, on_begun)
        async with asyncio.timeout(reading.silence_s_max):
            response = await self._open().post(self._url, data=event.payload, headers=headers)
        async with response:
            body = await reading.read(response)
            return response.status, response.headers.get(OUTCOME_HEADER, ""), body

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                connector=aiohttp.TCPConnector(limit=0, socket_factory=_open_socket),
                trust_env=False,
                max_field_size=HEADER_BYTES_MAX,
            )
        return self._session


@dataclass(frozen=True, slots=True)
class _Reading:
    """How an answer is read: each part of it proves that the gateway is alive."""

    silence_s_max: float
    on_begun: Callable[[], None]

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        """The body without its signs of life; TimeoutError where the gateway is silent."""
        has_signs = response.headers.get(OUTCOME_HEADER) == OUTCOME_IN_BODY
        parts: list[bytes] = []
        while chunk := await self._read_chunk(response.content):
            if has_signs and not parts:
                outcome = chunk.lstrip(SIGN_OF_LIFE + BEGUN_SIGN)
                if BEGUN_SIGN in chunk[: len(chunk) - len(outcome)]:
                    self.on_begun()
                chunk = outcome
            if chunk:
                parts.append(chunk)
        return b"".join(parts)

    async def _read_chunk(self, content: aiohttp.StreamReader) -> bytes:
        async with asyncio.timeout(self.silence_s_max):
            return await content.readany()


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


def _open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """One that notices when the peer's host is gone."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    opened.setblocking(False)
    set_keepalive(opened)
    return opened
