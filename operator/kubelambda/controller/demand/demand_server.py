"""The port on which gateways post their demand.

Contract: a body of more than BODY_BYTES_MAX is refused before anything else, a request without a
valid signature before it is parsed (rule A6). The answer names the
environments of the posting gateway that are to be drained, and the report that is held of it
(rule D1 of ``core.wire.demand``).
"""

import logging
from collections.abc import Callable

from aiohttp import web

from kubelambda.core.wire.demand import (
    DEMAND_PATH,
    DemandReply,
    DemandReport,
    MalformedDemandError,
    decode_report,
    encode_reply,
)
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.process.signatures import Signatures
from kubelambda.telemetry.http_port import HttpPort

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 16 * 1024 * 1024
"""Room for a whole report of some 20,000 functions with five environments each."""

TakeReport = Callable[[DemandReport], DemandReply]


class DemandServer(HttpPort):
    """Serves while this process leads; ``start`` binds the port (0 picks one, see ``port``)."""

    def __init__(
        self,
        signatures: Signatures,
        take_report: TakeReport,
        *,
        host: str = "0.0.0.0",  # noqa: S104  # gateways come from outside the pod
        port: int = 0,
    ) -> None:
        self._signatures = signatures
        self._take_report = take_report
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_post(DEMAND_PATH, self._serve)
        super().__init__(application, host, port)

    async def _serve(self, request: web.Request) -> web.Response:
        try:
            # client_max_size stops the read, whatever Content-Length says or does not say.
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        signature = request.headers.get(SIGNATURE_HEADER, "")
        if not self._signatures.verify(signature, DEMAND_PATH, body):
            return web.Response(status=401)
        try:
            report = decode_report(body)
        except MalformedDemandError as error:
            logger.warning("a gateway posted something that is not a demand report: %s", error)
            return web.Response(status=400)
        reply = self._take_report(report)
        return web.Response(body=encode_reply(reply), content_type="application/json")
