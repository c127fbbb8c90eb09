"""Load of the end-to-end tests: every request's outcome is counted, none is retried."""

import http.client
import json
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import ClientError, HTTPClientError

from e2e.conftest import make_lambda_client


class Load:
    """Clients in threads, each a closed loop over the functions, without retries."""

    def __init__(self, gateway_url: str, arns: list[str]) -> None:
        self.outcomes: Counter[str] = Counter()
        self._gateway_url = gateway_url
        self._arns = arns
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in arns]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        client = make_lambda_client(self._gateway_url)
        while not self._stop.is_set():
            for arn in self._arns:
                self.outcomes[self._invoke(client, arn)] += 1
        client.close()

    def _invoke(self, client: Any, arn: str) -> str:
        try:
            answer = client.invoke(FunctionName=arn, Payload=b"{}")
            answer["Payload"].read()
        except (ClientError, HTTPClientError) as error:
            return f"{type(error).__name__}: {error}"
        return str(answer.get("FunctionError", "success"))


class SteadyLoad:
    """So many requests a second, each begun in its time and on a connection of its own.

    What is slow or refused holds up none of those that follow. ``outcomes`` are "success", the
    error's message, "refused" (no connection), "closed" (cut off) and "hung" (nothing for HUNG_S).
    """

    HUNG_S = 10.0

    def __init__(
        self, gateway_url: str, arn: str, rate_per_s: float, *, event: bool = False
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.request_ids: list[str] = []
        self._address = urlsplit(gateway_url)
        self._path = f"/2015-03-31/functions/{quote(arn, safe='')}/invocations"
        self._headers = {"X-Amz-Invocation-Type": "Event"} if event else {}
        self._pause_s = 1 / rate_per_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pacer = threading.Thread(target=self._pace)

    def __enter__(self) -> "SteadyLoad":
        self._pacer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pacer.join()

    @property
    def failures(self) -> dict[str, int]:
        """Every outcome that is no success."""
        return {what: count for what, count in self.outcomes.items() if what != "success"}

    def _pace(self) -> None:
        started, due = [], time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            started.append(threading.Thread(target=self._send))
            started[-1].start()
            due += self._pause_s
        for thread in started:
            thread.join()

    def _send(self) -> None:
        outcome, request_id = self._invoke()
        with self._lock:
            self.outcomes[outcome] += 1
            if request_id:
                self.request_ids.append(request_id)

    def _invoke(self) -> tuple[str, str]:
        connection = http.client.HTTPConnection(
            str(self._address.hostname), self._address.port, timeout=self.HUNG_S
        )
        try:
            connection.request("POST", self._path, b"{}", self._headers)
            answer = connection.getresponse()
            body = answer.read()
        except ConnectionRefusedError:
            return "refused", ""
        except TimeoutError:
            return "hung", ""
        except (OSError, http.client.HTTPException):
            return "closed", ""
        finally:
            connection.close()
        if answer.status >= 300:
            return f"{answer.status} {json.loads(body).get('message', '')}", ""
        if answer.getheader("X-Amz-Function-Error"):
            return str(json.loads(body).get("errorMessage")), ""
        return "success", str(answer.getheader("x-amzn-RequestId"))
