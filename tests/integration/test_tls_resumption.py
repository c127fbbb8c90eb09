"""A client that comes again resumes its TLS session with the gateway that gave it, and no other."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from integration.certificates import CertificateFiles
from integration.conftest import MASTER
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings
from kubelambda.core.wire.demand import DemandReply, DemandReport
from kubelambda.gateway.server import Gateway

REQUEST = b"GET /nothing HTTP/1.1\r\nHost: g\r\n\r\n"
LOOPS: dict[str, Callable[[Coroutine[Any, Any, list[bool]]], list[bool]]] = {
    "uvloop": uvloop.run,
    "asyncio": asyncio.run,
}
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class NoDemand:
    """A driver of ``DemandSink`` that nobody reads."""

    async def report(self, report: DemandReport) -> DemandReply:
        return DemandReply(sequence=report.sequence)


def visit(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    """Two requests on one connection, as a client with keep-alive sends them."""
    plain = socket.create_connection(("127.0.0.1", port), 60)
    connection = context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
    for _ in range(2):
        connection.sendall(REQUEST)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
    return connection


async def come_again(files: CertificateFiles, version: ssl.TLSVersion) -> list[bool]:
    """Whether a session was resumed by the gateway that gave it, and by another one."""
    index = FunctionIndex()
    index.synced = True
    ports: dict[str, Any] = {"public_port": 0, "internal_port": 0, "metrics_port": 0}
    settings = GatewaySettings(host="127.0.0.1", linger_s=0, **ports, **files.settings())
    gateways = [Gateway(settings, index, NoDemand(), MASTER) for _ in range(2)]
    stop = asyncio.Event()
    for one in gateways:
        await one.start()
    serving = [asyncio.create_task(one.serve_until(stop)) for one in gateways]
    context = files.trust()
    context.minimum_version = context.maximum_version = version
    first = await asyncio.to_thread(visit, context, gateways[0].public_port, None)
    session, resumed = first.session, []
    first.close()
    for one in gateways:
        connection = await asyncio.to_thread(visit, context, one.public_port, session)
        resumed.append(bool(connection.session_reused))
        connection.close()
    stop.set()
    await asyncio.gather(*serving)
    return resumed


@pytest.mark.parametrize("version", VERSIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
def test_a_session_is_resumed_by_the_gateway_that_gave_it_and_begun_anew_by_another(
    run: Callable[[Coroutine[Any, Any, list[bool]]], list[bool]],
    version: ssl.TLSVersion,
    tmp_path: Path,
) -> None:
    assert run(come_again(CertificateFiles(tmp_path), version)) == [True, False]
