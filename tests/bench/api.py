"""The API server for measurements: plain HTTP with the kubeconfig's client certificate."""

import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

FUNCTIONS = "/apis/kubelambda.io/v1alpha1/namespaces/{namespace}/lambdafunctions"
VERSIONS = "/apis/kubelambda.io/v1alpha1/namespaces/{namespace}/lambdaversions"


class Api:
    """One client; use as an async context."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._server = cluster["server"]
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=ca)
        with tempfile.TemporaryDirectory() as directory:
            pair = Path(directory) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_bytes(
                base64.b64decode(user["client-certificate-data"])
                + base64.b64decode(user["client-key-data"])
            )
            self._tls.load_cert_chain(pair)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._session = aiohttp.ClientSession(trust_env=False, timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, method: str, path: str, content: Any = None, kind: str = "json") -> Any:
        """One request; its JSON, or its text where it is none."""
        if self._session is None:
            raise RuntimeError("use Api as an async context")
        headers = {"Content-Type": f"application/{kind}"} if content is not None else {}
        data = None if content is None else json.dumps(content)
        async with self._session.request(
            method, self._server + path, data=data, headers=headers, ssl=self._tls
        ) as response:
            body = await response.text()
            if response.status >= 400:
                raise RuntimeError(f"{method} {path}: {response.status} {body[:300]}")
            return json.loads(body) if body.startswith("{") else body

    async def watch(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Events of a list from now on."""
        if self._session is None:
            raise RuntimeError("use Api as an async context")
        version = (await self.send("GET", path + "?limit=1"))["metadata"]["resourceVersion"]
        url = f"{self._server}{path}?watch=1&resourceVersion={version}"
        async with self._session.get(url, ssl=self._tls) as response:
            buffer = b""
            async for chunk in response.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
