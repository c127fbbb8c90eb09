"""Certificates that are replaced under a listener: whole pairs only, and nobody is cut off."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from integration.certificates import CertificateFiles
from kubelambda.core.capacity.client_limits import ClientLimits
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.connection import HttpConnection
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import BodyRule
from kubelambda.gateway.http.tls import TlsFiles
from kubelambda.gateway.http.tls_listener import TlsListener
from kubelambda.gateway.invoke.failure import answer_failure
from kubelambda.process.supervisor import Supervisor

REQUEST = b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"


class Listening:
    """A TLS listener on loopback that answers 200 to everything."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.tls = TlsFiles(certificate, key)
        self.supervisor = Supervisor()
        self.connections = Connections(ClientLimits())
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = int(listening.getsockname()[1])
        self.listener = TlsListener(
            listening, lambda: self.tls.context, self._build, self.supervisor
        )
        self.listener.start(16)

    def _build(self) -> HttpConnection:
        return HttpConnection(
            _answer, lambda *_: BodyRule(0), self.connections, on_failure=answer_failure
        )

    async def ask(self, trust: ssl.SSLContext) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=trust)
        writer.write(REQUEST)
        received = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return received[:12]


def _answer(request: Request) -> None:
    request.respond(200, [], b"served")


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return CertificateFiles(tmp_path)


@pytest.fixture
async def listening(files: CertificateFiles) -> AsyncIterator[Listening]:
    one = Listening(files.certificate, files.key)
    yield one
    one.listener.close()
    one.connections.abort()
    await one.supervisor.close()


@pytest.mark.parametrize("first", ["certificate", "key"])
async def test_a_half_replaced_pair_keeps_the_old_one_until_it_is_whole(
    files: CertificateFiles, listening: Listening, first: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 11, entry 13: the new half alone ended all TLS."""
    old_trust = files.trust()
    old = {"certificate": files.certificate.read_bytes(), "key": files.key.read_bytes()}
    files.issue()
    new_trust = files.trust()
    late = files.key if first == "certificate" else files.certificate
    held_back = late.read_bytes()
    late.write_bytes(old["key" if first == "certificate" else "certificate"])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            listening.tls.refresh()
            assert await listening.ask(old_trust) == b"HTTP/1.1 200"
    assert [
        record.getMessage() for record in caplog.records if "MISMATCH" in record.getMessage()
    ] == [caplog.records[0].getMessage()]
    late.write_bytes(held_back)
    listening.tls.refresh()
    assert await listening.ask(new_trust) == b"HTTP/1.1 200"
    with pytest.raises(ssl.SSLCertVerificationError):
        await listening.ask(old_trust)


@pytest.mark.parametrize("damage", ["absent", "empty", "half written", "with a password"])
async def test_files_that_cannot_be_used_keep_the_old_pair_until_they_can(
    files: CertificateFiles, listening: Listening, damage: str
) -> None:
    old_trust = files.trust()
    files.issue()
    whole = files.key.read_bytes()
    if damage == "absent":
        files.key.unlink()
    elif damage == "with a password":
        key = serialization.load_pem_private_key(whole, None)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
    else:
        files.key.write_bytes(whole[: len(whole) // 2] if damage == "half written" else b"")
    listening.tls.refresh()
    assert await listening.ask(old_trust) == b"HTTP/1.1 200"
    files.key.write_bytes(whole)
    listening.tls.refresh()
    assert await listening.ask(files.trust()) == b"HTTP/1.1 200"


async def test_the_volume_of_a_secret_is_followed_when_kubelet_swaps_its_link(
    tmp_path: Path,
) -> None:
    """The paths are links through ``..data``; only what they lead to changes, and no time need."""
    volume = tmp_path / "volume"
    issued = []
    for name in ("..1", "..2"):
        (volume / name).mkdir(parents=True)
        issued.append(CertificateFiles(volume / name))
        for path in (volume / name).iterdir():
            os.utime(path, (1, 1))
    (volume / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (volume / name).symlink_to(f"..data/{name}")
    listening = Listening(volume / "tls.crt", volume / "tls.key")
    assert await listening.ask(issued[0].trust()) == b"HTTP/1.1 200"
    (volume / "..new").symlink_to("..2")
    (volume / "..new").rename(volume / "..data")
    listening.tls.refresh()
    assert await listening.ask(issued[1].trust()) == b"HTTP/1.1 200"
    listening.listener.close()
    await listening.supervisor.close()


async def test_a_connection_that_stands_outlives_the_renewal(
    files: CertificateFiles, listening: Listening
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.port, ssl=files.trust())
    files.issue()
    listening.tls.refresh()
    writer.write(REQUEST)
    assert (await asyncio.wait_for(reader.read(), 60)).endswith(b"served")
    writer.close()


async def test_a_handshake_that_fails_gives_its_place_back(listening: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    writer.write(b"this is no handshake\r\n\r\n")
    await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await listening.connections.wait_closed()
    assert not listening.connections.by_address
