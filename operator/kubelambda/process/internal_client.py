"""The HTTP client for requests between our own processes.

Contract: every request is a signed POST (``process.signatures``). A reply is read whole, however
many packets it comes in, and refused if it goes over the client's limit. Waiting always ends:
``post`` by a limit for the whole exchange, ``open`` by a limit for the silence between two parts
of the reply. Whatever goes wrong on the way is InternalRequestError, which keeps its cause; a
status is for the caller to judge. Connections are reused, they notice when the other host is gone
(``process.keepalive``), and no proxy of the environment is asked. A request is never sent twice.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Self

import aiohttp

from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.process.keepalive import set_keepalive
from kubelambda.process.signatures import Signatures

CONNECT_S = 5.0
HEADER_BYTES_MAX = 32_768
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class InternalRequestError(Exception):
    """There is no usable reply.

    ``is_unsent``: no connection was made, so the other process has seen nothing. ``is_refused``:
    moreover its host answers, and nobody listens there.
    """

    def __init__(self, reason: str, *, is_unsent: bool = False, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.is_unsent = is_unsent
        self.is_refused = is_refused


@dataclass(frozen=True, slots=True)
class InternalReply:
    """A whole reply. ``headers`` may be asked in upper or lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OpenReply:
    """A reply whose body is read part by part; made by ``InternalClient.open``."""

    def __init__(
        self, response: aiohttp.ClientResponse, bytes_max: int, silence_s: float | None
    ) -> None:
        self._response = response
        self._bytes_max = bytes_max
        self._silence_s = silence_s
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def iter_parts(self) -> AsyncIterator[bytes]:
        """The body as it arrives; InternalRequestError if it breaks off or is too long."""
        count = 0
        while part := await self._read_part():
            count += len(part)
            if count > self._bytes_max:
                raise InternalRequestError(f"a reply of more than {self._bytes_max} bytes")
            yield part

    async def _read_part(self) -> bytes:
        try:
            async with asyncio.timeout(self._silence_s):
                return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise _wrap(error) from error


class InternalClient:
    """Sends requests; ``close`` at the end, or use it as an asynchronous context manager.

    With ``reply_is_signed`` a 200 without a good signature is not a reply that ``post`` can use.
    """

    def __init__(
        self,
        signatures: Signatures,
        *,
        reply_bytes_max: int,
        reply_is_signed: bool = False,
        connect_s: float = CONNECT_S,
    ) -> None:
        self._signatures = signatures
        self._reply_bytes_max = reply_bytes_max
        self._reply_is_signed = reply_is_signed
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def post(
        self,
        base_url: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        timeout_s: float,
    ) -> InternalReply:
        """Send ``body`` to ``path`` below ``base_url``, and read the reply.

        ``timeout_s`` limits it from the beginning to the last byte of the reply.
        """
        signature = self._signatures.sign(path, body)
        signed = {**headers, SIGNATURE_HEADER: signature}
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._send(base_url + path, body, signed, None) as open_reply,
            ):
                parts = [part async for part in open_reply.iter_parts()]
        except TimeoutError as error:
            raise _wrap(error) from error
        reply = InternalReply(open_reply.status, open_reply.headers, b"".join(parts))
        if self._reply_is_signed and reply.status == 200:
            self._check_signature(path, signature, reply)
        return reply

    @asynccontextmanager
    async def open(
        self, base_url: str, path: str, body: bytes, *, meta: tuple[str, str], silence_s: float
    ) -> AsyncIterator[OpenReply]:
        """Send ``body`` with ``meta``, a header that is signed too, and wait for the reply's head.

        Each part of the reply, its head included, is waited for ``silence_s`` at most.
        """
        name, value = meta
        signature = self._signatures.sign(path, body, value)
        headers = {name: value, SIGNATURE_HEADER: signature}
        async with self._send(base_url + path, body, headers, silence_s) as reply:
            yield reply

    async def close(self) -> None:
        """Close all connections; requests that come later fail unsent."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # the transports close in the next turn of the loop

    @asynccontextmanager
    async def _send(
        self, url: str, body: bytes, headers: Mapping[str, str], silence_s: float | None
    ) -> AsyncIterator[OpenReply]:
        if self._is_closed:
            raise InternalRequestError("the client is closed", is_unsent=True)
        try:
            async with asyncio.timeout(silence_s):
                response = await self._open_session().post(
                    url, data=body, headers=headers, allow_redirects=False
                )
        except (aiohttp.ClientError, OSError) as error:
            raise _wrap(error) from error
        try:
            yield OpenReply(response, self._reply_bytes_max, silence_s)
        finally:
            response.release()  # kept for the next request, or closed if not all was read

    def _check_signature(self, path: str, request_signature: str, reply: InternalReply) -> None:
        given = reply.headers.get(SIGNATURE_HEADER, "")
        if not self._signatures.verify_reply(given, path, request_signature, reply.body):
            raise InternalRequestError("the reply is not signed as it must be")

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
                connector=aiohttp.TCPConnector(limit=0, socket_factory=open_socket),
                trust_env=False,
                max_field_size=HEADER_BYTES_MAX,
            )
        return self._session


def open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket that notices when the other host is gone."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    opened.setblocking(False)
    set_keepalive(opened)
    return opened


def _wrap(error: Exception) -> InternalRequestError:
    if isinstance(error, aiohttp.ClientConnectorError):
        is_refused = isinstance(error.os_error, ConnectionRefusedError)
        return InternalRequestError(str(error), is_unsent=True, is_refused=is_refused)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return InternalRequestError(str(error), is_unsent=True)
    return InternalRequestError(repr(error))
