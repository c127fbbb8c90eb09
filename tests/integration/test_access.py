"""Callers at the public port of a real gateway: authenticated, authorized, and only then served."""

import asyncio
import hashlib
import json
import socket
import struct
from pathlib import Path

import aiohttp
import pytest
from botocore.exceptions import ClientError

from integration.conftest import Installation, MakeInstallation
from kubelambda.core.access.principal import ANONYMOUS
from kubelambda.core.packages.code_zip import build_inline_zip
from kubelambda.core.wire.package_transfer import UPLOAD_PATH
from kubelambda.gateway.access.authenticator import Caller, SignedRequest
from kubelambda.stores.directory import DirectoryPackages

RECORD = """
def handler(event, context):
    with open(event, "a") as runs:
        runs.write("ran\\n")
    return "done"
"""
CONTENT = build_inline_zip({"app.py": ""})
UPLOAD = f"{UPLOAD_PATH}{hashlib.sha256(CONTENT).hexdigest()}"


def render_page(accept: str) -> tuple[str, bytes]:
    return "text/plain", b"hello is a function here"


class Slow:
    """Callers are anonymous, once ``released`` is set."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.released = asyncio.Event()

    async def authenticate(self, request: SignedRequest) -> Caller:
        self.asked.set()
        await self.released.wait()
        return ANONYMOUS


@pytest.fixture
async def closed(make_installation: MakeInstallation, tmp_path: Path) -> Installation:
    """A gateway that allows anonymous callers nothing."""
    return await make_installation(
        packages=DirectoryPackages(tmp_path / "packages"),
        package_cache=tmp_path / "cache",
        render_page=render_page,
        anonymous_invocation=False,
    )


async def test_anonymous_callers_who_may_not_invoke_are_told_so_in_awss_words(
    closed: Installation,
) -> None:
    function = closed.put("hello", RECORD)
    arn = f"arn:aws:lambda:us-east-1:{function.account_id}:function:hello"
    for kind in ("RequestResponse", "Event", "DryRun"):
        with pytest.raises(ClientError) as raised:
            await closed.invoke(arn, "x", InvocationType=kind)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert raised.value.response["Error"] == {
            "Code": "AccessDeniedException",
            "Message": "User: anonymous is not authorized to perform: lambda:InvokeFunction on "
            f"resource: {arn} because no identity-based policy allows the "
            "lambda:InvokeFunction action",
        }


async def test_what_they_may_not_do_includes_uploads_and_the_page_that_lists_functions(
    closed: Installation,
) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(closed.url) as answer:
            page = answer.status, await answer.text()
        async with session.put(closed.url + UPLOAD, data=CONTENT) as answer:
            upload = answer.status, json.loads(await answer.read())["Message"]
    assert page[0] == 403
    assert "lambda:ListFunctions on resource: *" in page[1]
    assert "hello" not in page[1]
    assert upload[0] == 403
    assert "kubelambda:PutPackage on resource: arn:aws:kubelambda:::package/" in upload[1]


async def test_what_anonymous_callers_may_do_they_may_do_once_they_are_known(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    slow = Slow()
    installation = await make_installation(
        packages=DirectoryPackages(tmp_path / "packages"),
        package_cache=tmp_path / "cache",
        render_page=render_page,
        authenticator=slow,
    )
    async with aiohttp.ClientSession() as session:
        asked = [
            asyncio.create_task(request)
            for request in (
                read_status(session, "GET", installation.url),
                read_status(session, "PUT", installation.url + UPLOAD, CONTENT),
                read_status(session, "GET", f"{installation.url}/nothing"),
            )
        ]
        await slow.asked.wait()
        slow.released.set()
        assert await asyncio.gather(*asked) == [200, 201, 404]


async def read_status(
    session: aiohttp.ClientSession, method: str, url: str, body: bytes | None = None
) -> int:
    async with session.request(method, url, data=body) as answer:
        await answer.read()
        return answer.status


async def test_a_gateway_that_drains_serves_whoever_it_is_still_finding_out_about(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """Like every other request that has begun to come (P5)."""
    slow, runs = Slow(), tmp_path / "runs"
    installation = await make_installation(authenticator=slow)
    installation.put("hello", RECORD)
    slow.released.set()
    await installation.invoke("hello", str(tmp_path / "warm"))
    slow.released.clear()
    slow.asked.clear()
    asked = asyncio.create_task(installation.invoke("hello", str(runs)))
    await slow.asked.wait()
    installation.stop.set()
    await asyncio.sleep(0.1)  # the drain has begun, and waits for this request
    slow.released.set()
    assert (await asked)["Payload"] == "done"
    assert runs.read_text() == "ran\n"


async def test_a_client_that_goes_before_it_is_known_is_not_served(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    slow, runs = Slow(), tmp_path / "runs"
    installation = await make_installation(authenticator=slow)
    installation.put("hello", RECORD)
    payload = json.dumps(str(runs)).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", installation.gateway.public_port)
    writer.write(
        b"POST /2015-03-31/functions/hello/invocations HTTP/1.1\r\nHost: g\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(payload), payload)
    )
    await slow.asked.wait()
    client = writer.get_extra_info("socket")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()  # a reset: a client that only ends its side is still served
    assembly = installation.gateway._assembly
    assert assembly is not None
    async with asyncio.timeout(60):
        await assembly.connections.wait_closed()
    slow.released.set()
    other = await installation.invoke("hello", str(runs))
    assert other["Payload"] == "done"
    assert runs.read_text() == "ran\n", "once, for the client that stayed"
