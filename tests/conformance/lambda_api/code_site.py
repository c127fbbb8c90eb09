"""A server that code is fetched from: files by URL, and a bucket that verifies signatures.

Contract: botocore, an implementation that is not ours, says whether a signature is right. Listens
where functions reach it: on loopback for local mode, for a cluster at LAMBDA_CODE_HOST (host:port
of this machine, from `hack/test-server code`), which `hack/install` allows.
"""

import os
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CODE_HOST = os.environ.get("LAMBDA_CODE_HOST", "127.0.0.1:0")
REGION = "eu-central-1"
ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "code-access-key", "code-secret-key", "code-session-token"


@dataclass(slots=True)
class CodeSite:
    """What the server has; ``refusals`` are the requests that it did not take."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    objects: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    """By bucket, key and version; the version "" is the latest."""

    def put_file(self, path: str, content: bytes) -> str:
        """The URL of ``content``."""
        self.files[path] = content
        return self.url + path

    def answer(self, method: str, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body; the body of a redirect is its target."""
        path = urlsplit(target).path
        if path in self.redirects:
            return 302, self.redirects[path].encode()
        if path in self.files:
            return 200, self.files[path]
        if "Authorization" not in headers:
            return 404, b""
        if not is_signed(method, self.url + target, headers):
            return 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        version = parse_qs(urlsplit(target).query).get("versionId", [""])[0]
        found = self.objects.get((bucket, key, version))
        return (404, b"<Error><Code>NoSuchKey</Code></Error>") if found is None else (200, found)


def build_way_to(name: str, url: str) -> dict[str, Any]:
    """The NetworkPolicy ``name`` that lets functions reach a server of ours at ``url``."""
    address = urlsplit(url)
    to = {"ipBlock": {"cidr": f"{address.hostname}/32"}}
    egress = {"to": [to], "ports": [{"protocol": "TCP", "port": address.port}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [egress]},
    }


def is_signed(method: str, url: str, headers: dict[str, str]) -> bool:
    """Whether botocore signs these headers in the same way."""
    fields = dict(
        part.strip().split("=", 1)
        for part in headers["Authorization"].removeprefix("AWS4-HMAC-SHA256").split(",")
    )
    named = fields["SignedHeaders"].split(";")
    given = {name.lower(): value for name, value in headers.items()}
    if not {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} <= set(named):
        return False
    request = AWSRequest(method=method, url=url, headers={name: given[name] for name in named})
    request.context["timestamp"] = given["x-amz-date"]
    auth = S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN), "s3", REGION)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    scope_is_right = fields["Credential"] == auth.scope(request)
    return scope_is_right and auth.signature(text, request) == fields["Signature"]


class SiteServer:
    """Serves a CodeSite from a thread until it is closed."""

    def __init__(self) -> None:
        site = CodeSite()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = site.answer("GET", self.path, dict(self.headers.items()))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", body.decode())
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing: the test's output is not for requests."""

        host, _, port = CODE_HOST.rpartition(":")
        self._server = ThreadingHTTPServer((host, int(port)), Handler)
        self._server.daemon_threads = True
        site.url = f"http://{host}:{self._server.server_port}"
        self.site = site
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
