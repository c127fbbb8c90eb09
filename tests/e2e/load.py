"""Load of the end-to-end tests: every request's outcome is counted, none is retried."""

import threading
from collections import Counter
from typing import Any

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
