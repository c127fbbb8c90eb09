"""Reading objects of our kinds from an API server, over plain HTTP.

Contract: never imports ``kubernetes``; one session, from ``open`` to ``close``. What a failed
request raises is among ``FAILURES``.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import aiohttp

_GROUP_PATH = "/apis/kubelambda.io/v1alpha1"
_CONNECT_S = 5
FAILURES = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
"""Failures of the network, and of answers that are not what the API server writes."""


class ApiReader:
    """Asks the API server at ``url``; a request takes at most ``request_s``, its body included."""

    def __init__(
        self, *, url: str, ca_file: Path | None, token_file: Path | None, request_s: float
    ) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        self._request_s = request_s
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Before the first request, on the running loop."""
        timeout = aiohttp.ClientTimeout(total=self._request_s, sock_connect=_CONNECT_S)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def get(
        self, plural: str, namespace: str | None, parameters: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """The answer to a list or a watch, whatever its status; the caller releases it."""
        if self._session is None:
            raise RuntimeError("open() comes first")
        scope = f"/namespaces/{namespace}" if namespace else ""
        headers = {"Accept": "application/json"}
        if self._token_file is not None:
            token = await asyncio.to_thread(self._token_file.read_text)
            headers["Authorization"] = f"Bearer {token.strip()}"
        return await self._session.get(
            f"{self._url}{_GROUP_PATH}{scope}/{plural}",
            params=parameters,
            headers=headers,
            ssl=self._tls if self._tls is not None else True,
        )
