"""A Runtime API that gives the events of a test one by one and keeps what is answered."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HEADERS = ("content-type", "lambda-runtime-function-error-type")


@dataclass(frozen=True, slots=True)
class Answer:
    """One POST: what it was for, the headers that matter, and its body."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class Script:
    """What the API gives, and what it was given."""

    events: Sequence[Any]
    answers: list[Answer] = field(default_factory=list)
    exhausted: threading.Event = field(default_factory=threading.Event)
    """A client has asked for more than there is, or has ended."""
    given: int = 0


class RuntimeApi:
    """Serves a script at ``address`` until it is closed."""

    def __init__(self, script: Script) -> None:
        handler = type("Handler", (_Handler,), {"script": script})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    script: Script
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        script = self.script
        if script.given == len(script.events):
            script.exhausted.set()
            self.close_connection = True
            threading.Event().wait(60)  # as an idle environment does; the client is killed
            return
        script.given += 1
        self._reply(
            200,
            json.dumps(script.events[script.given - 1]).encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": f"request-{script.given}",
                "Lambda-Runtime-Deadline-Ms": "4102444800000",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:1:function:f",
                "Lambda-Runtime-Trace-Id": f"Root=1-{script.given}",
            },
        )

    def do_POST(self) -> None:
        body = self._read()
        path = self.path.removeprefix("/2018-06-01/runtime/")
        kept = {name: self.headers[name] for name in HEADERS if self.headers[name]}
        self.script.answers.append(Answer(path, kept, body))
        self._reply(202, b'{"status":"OK"}', {})

    def _read(self) -> Any:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body.decode()

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
