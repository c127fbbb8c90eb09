"""A gate that a function waits at until the test has seen what it was to see.

Contract: a GET of ``url`` is answered when the test has called ``open``, so that nothing that a
function does behind it can have happened before; ``open`` fails if a request was answered earlier,
since it had been held for too long. One gate is for one test. Listens where functions
reach it: on loopback for local mode; the host of LAMBDA_CODE_HOST for a cluster's pods.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from conformance.lambda_api.code_site import CODE_HOST

HELD_S = 15
"""How long a request is held; a test whose function still waits then has failed."""


class Gate:
    """Closed until ``open``."""

    def __init__(self) -> None:
        opened = self._opened = threading.Event()
        given_up = self._given_up = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_open = opened.wait(HELD_S)
                if not is_open:
                    given_up.set()
                self.send_response(200 if is_open else 504)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing: the test's output is not for requests."""

        host = CODE_HOST.rpartition(":")[0]
        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def open(self) -> None:
        """Let everybody through."""
        assert not self._given_up.is_set(), f"a function has waited {HELD_S} s for the test"
        self._opened.set()

    def close(self) -> None:
        """Let everybody through and free the port."""
        self._opened.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
