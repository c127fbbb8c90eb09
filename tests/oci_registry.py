"""A small read-only container registry in this process: a fake for tests, and real to a kubelet.

Contract: the pulling half of the OCI distribution API over what was put in; manifests by tag and
digest, blobs by digest. ``answer_first`` may answer a request otherwise, to play a registry that
wants tokens, redirects or lies. What was asked is in ``requests``.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and content of one answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


AnswerFirst = Callable[[str, Mapping[str, str]], Reply | None]


class OciRegistry:
    """Serves within ``with``; ``host`` is what image names begin with."""

    def __init__(
        self, address: str = "127.0.0.1", port: int = 0, answer_first: AnswerFirst | None = None
    ) -> None:
        self.answer_first = answer_first
        self.requests: list[str] = []
        self._documents: dict[str, tuple[bytes, str]] = {}
        self._files: dict[str, Path] = {}
        self._tags: dict[str, str] = {}
        self._server = ThreadingHTTPServer((address, port), self._build_handler())
        self._server.daemon_threads = True
        self.host = f"{address}:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, document: Any, media_type: str, name: str = "") -> dict[str, Any]:
        """Add a document, under ``repository:tag`` if that is given; its descriptor."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._documents[digest] = content, media_type
        if name:
            self._tags[name] = digest
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def put_image(self, name: str = "", **config: Any) -> dict[str, Any]:
        """Add an image without layers whose configuration has ``config``; its descriptor."""
        document = {"architecture": "amd64", "os": "linux", "config": config}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put(document, CONFIG),
            "layers": [],
        }
        return self.put(manifest, MANIFEST, name)

    def load(self, repository: str, layout: Path) -> None:
        """Add every tag of an OCI image layout, as `buildah push X oci:LAYOUT:TAG` makes it."""
        for descriptor in json.loads((layout / "index.json").read_bytes())["manifests"]:
            content = self._find_in(layout, descriptor["digest"]).read_bytes()
            tag = descriptor["annotations"][REF_NAME]
            self.put(content, descriptor["mediaType"], f"{repository}:{tag}")
        for path in (layout / "blobs" / "sha256").iterdir():
            self._files[f"sha256:{path.name}"] = path

    @staticmethod
    def _find_in(layout: Path, digest: str) -> Path:
        return layout / "blobs" / "sha256" / digest.partition(":")[2]

    def reply(self, path: str) -> Reply:
        """The honest answer to a GET of ``path``."""
        parts = path.removeprefix("/v2/").split("/")
        if path == "/v2/":
            return Reply()
        if len(parts) < 3:
            return Reply(404)
        repository, kind, target = "/".join(parts[:-2]), parts[-2], parts[-1]
        digest = target if ":" in target else self._tags.get(f"{repository}:{target}", "")
        if digest in self._documents:
            content, media_type = self._documents[digest]
        elif digest in self._files:
            content, media_type = self._files[digest].read_bytes(), "application/octet-stream"
            if kind == "manifests":
                media_type = json.loads(content)["mediaType"]
        else:
            return Reply(404)
        return Reply(200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, content)

    def _build_handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.requests.append(self.path)
                first = registry.answer_first
                reply = first(self.path, self.headers) if first else None
                reply = reply or registry.reply(self.path)
                self.send_response(reply.status)
                for name, text in reply.headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(reply.content)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(reply.content)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                """Nothing: the requests are remembered."""

        return Handler
