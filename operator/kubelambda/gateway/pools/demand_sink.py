"""Posting reports of demand to the controller; local mode has a sink of its own.

Contract: a driver of ``core.ports.DemandSink``. One signed POST for each report, which ends within
POST_S. A long report is encoded a slice at a time, so that requests are served in between.
"""

import asyncio

from kubelambda.core.wire.demand import (
    DEMAND_PATH,
    DemandReply,
    DemandReport,
    MalformedDemandError,
    decode_reply,
    iter_encoded,
)
from kubelambda.gateway.pools.demand_reporter import SLICE_FUNCTIONS, DemandError
from kubelambda.process.internal_client import InternalClient, InternalRequestError
from kubelambda.process.signatures import Signatures

POST_S = 3.0
REPLY_BYTES_MAX = 4 * 1024 * 1024
_JSON = {"Content-Type": "application/json"}


class HttpDemandSink:
    """Posts reports to the controller's internal Service, signed."""

    def __init__(self, url: str, signatures: Signatures) -> None:
        self._base_url = url.rstrip("/")
        self._client = InternalClient(signatures, reply_bytes_max=REPLY_BYTES_MAX)

    async def report(self, report: DemandReport) -> DemandReply:
        """One POST; DemandError if the controller does not take it."""
        body = await _encode(report)
        try:
            reply = await self._client.post(
                self._base_url, DEMAND_PATH, body, _JSON, timeout_s=POST_S
            )
            if reply.status != 200:
                raise DemandError(f"the controller answered {reply.status}")
            return decode_reply(reply.body)
        except (InternalRequestError, MalformedDemandError) as error:
            raise DemandError(f"the controller cannot be reached: {error}") from error

    async def close(self) -> None:
        """Close the connection to the controller."""
        await self._client.close()


async def _encode(report: DemandReport) -> bytes:
    pieces: list[bytes] = []
    for piece in iter_encoded(report):
        pieces.append(piece)
        if len(pieces) % SLICE_FUNCTIONS == 0:
            await asyncio.sleep(0)
    return b"".join(pieces)
