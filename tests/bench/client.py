"""A client that measures itself: one kept connection, one request at a time, no retries."""

import base64
import http.client
import re
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

PATIENCE_S = 120
PART_BYTES = 1 << 20
INIT_DURATION = re.compile(r"\bInit Duration: ([\d.]+) ms")


@dataclass(frozen=True, slots=True)
class Reply:
    """One invocation that succeeded."""

    seconds: float
    """From the request to the last byte of the answer."""
    body: bytes
    init_ms: float | None
    """Of the REPORT line in the log tail: only of a cold start, and only where it was asked for."""


class Client:
    """Invokes at ``url``, plain HTTP; use as a context."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def invoke(self, function: str, body: bytes, *, tail: bool = False) -> Reply:
        """Invoke a function by name or ARN; RuntimeError where it did not succeed."""
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        return self.post(path, body, {"X-Amz-Log-Type": "Tail"} if tail else {})

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        """One request to any path; what is not a 200 without a function error is a RuntimeError."""
        started = time.perf_counter()
        answer = self._send(path, body, headers)
        read = answer.read()
        seconds = time.perf_counter() - started
        if answer.status != 200 or "X-Amz-Function-Error" in answer.headers:
            raise RuntimeError(f"{path}: {answer.status} {read[:200]!r}")
        log = base64.b64decode(answer.headers.get("X-Amz-Log-Result", "")).decode()
        found = INIT_DURATION.search(log)
        return Reply(seconds, read, float(found[1]) if found else None)

    def drain_stream(self, function: str, body: bytes) -> tuple[int, float]:
        """Bytes and seconds of InvokeWithResponseStream, read as fast as they come and let go."""
        path = f"/2021-11-15/functions/{function}/response-streaming-invocations"
        started = time.perf_counter()
        answer = self._send(path, body)
        count, end = 0, b""
        while part := answer.read1(PART_BYTES):
            count += len(part)
            end = (end + part)[-1024:]
        seconds = time.perf_counter() - started
        if answer.status != 200 or b"InvokeComplete" not in end or b"ErrorCode" in end:
            raise RuntimeError(f"{path}: {answer.status}, {count} bytes that end with {end!r}")
        return count, seconds

    def _send(
        self, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        self._connection.request("POST", path, body, headers or {})
        return self._connection.getresponse()
