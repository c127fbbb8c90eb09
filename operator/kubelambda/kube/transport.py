"""How bytes get to an API server and back: through the official client, or by plain HTTP.

Contract: blocking, for a thread of its own; one request is sent once. UnavailableError if there is
no answer. The official client brings credentials and TLS of a kubeconfig; plain HTTP is for local
mode, which has neither, and needs no library.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from kubelambda.kube.errors import UnavailableError

CONNECT_S, READ_S = 3.0, 15.0
WATCH_READ_S = 65.0
_CHUNK_BYTES = 65_536


class Answer(Protocol):
    """An answer whose head has come."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        ...

    def get_header(self, name: str) -> str | None:
        """One header."""
        ...

    def read(self) -> bytes:
        """The whole body."""
        ...

    def iter_chunks(self) -> Iterator[bytes]:
        """The body as it comes."""
        ...


class Transport(Protocol):
    """Sends requests to one server."""

    def send(
        self, method: str, target: str, headers: Mapping[str, str], content: Any = None
    ) -> Answer:
        """One request; ``content`` is JSON."""
        ...


class LibraryTransport:
    """The official client, with the credentials of its ``configuration``."""

    def __init__(self, configuration: Any, threads: int) -> None:
        from kubernetes.client import (  # noqa: PLC0415  # costs 40 MB, on first use only
            ApiClient,
            ApiException,
        )
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  # comes with kubernetes

        self._no_answer = (ApiException, HTTPError, OSError)
        configuration.connection_pool_maxsize = threads
        self._host = configuration.host
        self._api = ApiClient(configuration)

    def send(
        self, method: str, target: str, headers: Mapping[str, str], content: Any = None
    ) -> Answer:
        """One request."""
        complete = dict(headers)
        self._api.update_params_for_auth(complete, [], ["BearerToken"], "", "", None)
        read_s = WATCH_READ_S if "watch=1" in target else READ_S
        try:
            response = self._api.call_api(
                method,
                self._host + target,
                complete,
                content,
                _request_timeout=(CONNECT_S, read_s),
            )
        except self._no_answer as error:
            raise UnavailableError(_describe(method, target, error)) from error
        return _LibraryAnswer(response, self._no_answer)


class _LibraryAnswer:
    def __init__(self, response: Any, no_answer: tuple[type[Exception], ...]) -> None:
        self._response = response
        self._no_answer = no_answer

    @property
    def status(self) -> int:
        return int(self._response.status)

    def get_header(self, name: str) -> str | None:
        value: str | None = self._response.getheader(name)
        return value

    def read(self) -> bytes:
        try:
            data: bytes = self._response.read()
        except self._no_answer as error:
            raise UnavailableError(f"the answer broke off: {type(error).__name__}") from error
        return data

    def iter_chunks(self) -> Iterator[bytes]:
        try:
            yield from self._response.response.stream(_CHUNK_BYTES)
        except self._no_answer as error:
            raise UnavailableError(f"the answer broke off: {type(error).__name__}") from error
        finally:
            self._response.response.close()


class PlainTransport:
    """HTTP without credentials, to ``url``; ValueError if that is no URL of http or https."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if parts.scheme not in kinds or not parts.hostname:
            raise ValueError(f"{url!r} is not a URL such as http://127.0.0.1:9000")
        self._open = kinds[parts.scheme]
        self._address = parts.netloc
        self._prefix = parts.path.rstrip("/")

    def send(
        self, method: str, target: str, headers: Mapping[str, str], content: Any = None
    ) -> Answer:
        """One request, on a connection of its own."""
        body = None if content is None else json.dumps(content).encode()
        read_s = WATCH_READ_S if "watch=1" in target else READ_S
        connection = self._open(self._address, timeout=read_s)
        try:
            connection.request(method, self._prefix + target, body=body, headers=dict(headers))
            return _PlainAnswer(connection, connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise UnavailableError(_describe(method, target, error)) from error


class _PlainAnswer:
    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    def get_header(self, name: str) -> str | None:
        return self._response.getheader(name)

    def read(self) -> bytes:
        return b"".join(self.iter_chunks())

    def iter_chunks(self) -> Iterator[bytes]:
        try:
            while chunk := self._response.read1(_CHUNK_BYTES):
                yield chunk
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(f"the answer broke off: {type(error).__name__}") from error
        finally:
            self._response.close()
            self._connection.close()


def _describe(method: str, target: str, error: Exception) -> str:
    """Without the query, and without what the error says of the connection."""
    return f"{method} {target.partition('?')[0]}: {type(error).__name__}"
