"""The port on which gateways post their demand.

Contract: a body over BODY_BYTES_MAX is refused before anything else, a request without a good
signature before it is parsed (FAULTS section 3 and rule 4.6). Answers with the environments of the
posting gateway that are to be drained, and with the report that is held of it (rule D1 of
``core.wire.demand``).
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

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 16 * 1024 * 1024
"""A whole report of some 20,000 functions with five environments each."""
_SHUTDOWN_S = 0.5

TakeReport = Callable[[DemandReport], DemandReply]


class DemandServer:
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
        self._host = host
        self.port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Bind and serve."""
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_post(DEMAND_PATH, self._serve)
        runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self.port)
        await site.start()
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

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
            logger.warning("a gateway posted what is no demand: %s", error)
            return web.Response(status=400)
        reply = self._take_report(report)
        return web.Response(body=encode_reply(reply), content_type="application/json")
