"""Heartbeats between gateways over HTTP, and where the other gateways are.

Contract: ``POST /internal/v1/heartbeat`` on the internal listener; request and reply are heartbeats
(``core.coordination.membership``), both signed with the key of the internal hop, the reply over the
request's signature too, so that no old one can be played back. A peer's answer is capped like any
other.
"""

import asyncio
import socket
import time
from collections.abc import Sequence

import aiohttp

from kubelambda.core.coordination.membership import (
    Heartbeat,
    MalformedHeartbeatError,
    decode_heartbeat,
    encode_heartbeat,
)
from kubelambda.core.wire.keys import SIGNATURE_HEADER, sign_request, verify_request
from kubelambda.gateway.peers.ownership import PeerUnreachableError
from kubelambda.process.answers import AnswerTooLongError, read_answer

HEARTBEAT_PATH = "/internal/v1/heartbeat"
HEARTBEAT_BYTES_MAX = 1_048_576
EXCHANGE_S = 1.0


class HttpHeartbeats:
    """Exchanges heartbeats with one POST each; a driver of ``ownership.HeartbeatSender``."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, address: str, heartbeat: Heartbeat) -> Heartbeat:
        """Deliver ``heartbeat`` to ``address``; the other's own in reply."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=EXCHANGE_S)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        body = encode_heartbeat(heartbeat)
        signature = sign_request(self._key, "POST", HEARTBEAT_PATH, body, int(time.time()))
        url, headers = f"http://{address}{HEARTBEAT_PATH}", {SIGNATURE_HEADER: signature}
        try:
            async with self._session.post(url, data=body, headers=headers) as response:
                reply = await read_answer(response, HEARTBEAT_BYTES_MAX)
                given = response.headers.get(SIGNATURE_HEADER, "")
                if response.status != 200 or not verify_reply(self._key, signature, reply, given):
                    raise PeerUnreachableError(f"{address} answered {response.status}, or unsigned")
                return decode_heartbeat(reply)
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            raise PeerUnreachableError(str(error), refused=refused) from error
        except (
            aiohttp.ClientError,
            TimeoutError,
            OSError,
            MalformedHeartbeatError,
            AnswerTooLongError,
        ) as error:
            raise PeerUnreachableError(repr(error)) from error

    async def close(self) -> None:
        """Close the connections to other gateways."""
        if self._session is not None:
            await self._session.close()


def sign_reply(key: bytes, request_signature: str, body: bytes) -> str:
    """The signature of a reply to the heartbeat that was signed ``request_signature``."""
    path = f"{HEARTBEAT_PATH}\n{request_signature}"
    return sign_request(key, "REPLY", path, body, int(time.time()))


def verify_reply(key: bytes, request_signature: str, body: bytes, signature: str) -> bool:
    """Whether ``signature`` is ``sign_reply``'s, made in the last 30 s."""
    path = f"{HEARTBEAT_PATH}\n{request_signature}"
    return verify_request(key, signature, "REPLY", path, body, int(time.time()))


class DnsPeers:
    """Addresses of the gateways by the name of their headless Service, own one included.

    Not ready ones are listed as well: heartbeats tell who serves, and the name needs no right at
    the API server, so gateways find each other while it is away.
    """

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self._port = port

    async def find(self) -> Sequence[str]:
        """host:port of each; OSError where the name server cannot be asked."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._name, self._port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
                return []
            raise
        return sorted({f"{address[0]!s}:{self._port}" for *_, address in found})
