"""Invokes through a gateway's internal listener (``core.relay``).

Contract: any gateway will do, it knows the owner. Every event may have been begun before, so each
is sent as one that may repeat. A connection that is lost says nothing about the function: Dropped.
"""

import asyncio
import time

import aiohttp

from kubelambda.core.demand import INTERNAL_KEY_INFO
from kubelambda.core.errors import ApiError, unavailable
from kubelambda.core.invocation import Dropped, Outcome
from kubelambda.core.keys import SIGNATURE_HEADER, derive_key
from kubelambda.core.queue import QueuedEvent
from kubelambda.core.relay import (
    META_HEADER,
    OUTCOME_HEADER,
    RELAY_PATH,
    MalformedRelayError,
    RelayRequest,
    decode_outcome,
    encode_request,
    sign_relay,
)

CONNECT_S = 5.0
HEADER_BYTES_MAX = 32_768


class RelayInvoker:
    """A driver of ``dispatcher.Invoker`` over HTTP."""

    def __init__(self, address: str, master_secret: bytes) -> None:
        self._url = f"http://{address}{RELAY_PATH}"
        self._key = derive_key(master_secret, INTERNAL_KEY_INFO)
        self._session: aiohttp.ClientSession | None = None

    async def invoke(self, event: QueuedEvent) -> Outcome | ApiError | Dropped:
        """One POST, as long as the function takes."""
        session = self._open()
        meta = encode_request(
            RelayRequest(
                request_id=event.request_id,
                namespace=event.namespace,
                function_name=event.function_name,
                qualifier=event.qualifier,
                trace_id=event.trace_id,
                may_repeat=True,
            )
        )
        signature = sign_relay(self._key, meta, event.payload, int(time.time()))
        headers = {META_HEADER: meta, SIGNATURE_HEADER: signature}
        try:
            async with session.post(self._url, data=event.payload, headers=headers) as response:
                body = await response.read()
                if response.status != 200:
                    return unavailable(f"the gateway answered {response.status}")
                return decode_outcome(response.headers.get(OUTCOME_HEADER, ""), body)
        except aiohttp.ClientConnectorError as error:
            return unavailable(f"no gateway can be reached: {error}")
        except (aiohttp.ClientError, TimeoutError, OSError, MalformedRelayError):
            return Dropped()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                connector=aiohttp.TCPConnector(limit=0),
                trust_env=False,
                max_field_size=HEADER_BYTES_MAX,
            )
        return self._session
