"""TLS of the public listener."""

import asyncio
import ssl
from pathlib import Path

import pytest

from integration.certificates import CertificateFiles
from integration.conftest import Installation, MakeInstallation

ECHO = "def handler(event, context):\n    return event\n"


async def ask(installation: Installation, context: ssl.SSLContext, request: bytes) -> bytes:
    port = installation.gateway.public_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(request)
    received = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return received


def build_request(name: str, body: bytes) -> bytes:
    head = f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: g\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def test_an_invocation_over_tls(make_installation: MakeInstallation, tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    installation = await make_installation(**files.settings())
    installation.put("echo", ECHO)
    body = b'"' + b"x" * 1_000_000 + b'"'
    answer = await ask(installation, files.trust(), build_request("echo", body))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n" + body)


async def test_hostile_requests_are_answered_and_closed_over_tls_as_well(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """Rule A11: a refusal does not need a half-closed connection."""
    files = CertificateFiles(tmp_path)
    installation = await make_installation(**files.settings())
    request = b"POST /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
    assert (await ask(installation, files.trust(), request)).startswith(b"HTTP/1.1 400 ")


async def test_plain_http_to_a_tls_port_gets_no_answer(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    installation = await make_installation(**CertificateFiles(tmp_path).settings())
    assert not (await installation.converse(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")).startswith(
        b"HTTP"
    )


async def test_a_renewed_certificate_is_taken_up_without_a_restart(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    files = CertificateFiles(tmp_path)
    installation = await make_installation(**files.settings())
    request = b"GET /nothing HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"
    assert (await ask(installation, files.trust(), request)).startswith(b"HTTP/1.1 404")
    files.issue()
    async with asyncio.timeout(60):
        while True:
            try:
                answer = await ask(installation, files.trust(), request)
            except ssl.SSLCertVerificationError:
                await asyncio.sleep(0.1)
            else:
                break
    assert answer.startswith(b"HTTP/1.1 404")


async def test_files_that_are_absent_end_the_start(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    absent = str(tmp_path / "absent")
    with pytest.raises(OSError, match="absent"):
        await make_installation(tls_certificate_file=absent, tls_key_file=absent)
