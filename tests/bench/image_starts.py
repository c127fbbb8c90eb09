"""Rows of each unpacked image: its size, and its start from process to first ``next``.

What hack/image-roots has unpacked (docs/runtimes.md) is started below its root in a mount namespace
of its own, with the handler of the conformance matrix, against a Runtime API that only listens; the
images in turns. No agent and no limit on CPU or memory: of a cold start this is the image's part.
"""

import base64
import io
import os
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.bench_run import BenchRun
from bench.report import Row, collect, not_measured
from conformance.runtimes.languages import LANGUAGES, Language, find_absent
from kubelambda.local.machine import find_cache, find_machine

STARTS = 10
WAIT_S = 30.0
MEMORY_MB = 512
MOUNTS = """
mount --bind "$TASK" "$ROOT/var/task" && mount -t proc proc "$ROOT/proc" &&
mount --rbind /dev "$ROOT/dev" && mount -t tmpfs tmpfs "$ROOT/tmp" &&
exec env -u TASK -u ROOT PATH="$IMAGE_PATH" /usr/sbin/chroot "$ROOT" \
  /bin/sh -c 'cd /var/task && exec /var/runtime/bootstrap'
"""


@dataclass(slots=True)
class ListeningApi:
    """A Runtime API that never answers; tells when it was asked for an event."""

    asked: threading.Event = field(default_factory=threading.Event)
    at_s: float = 0.0
    posted: str = ""
    address: str = ""

    def note(self, posted: str = "") -> None:
        self.at_s, self.posted = time.monotonic(), posted
        self.asked.set()


@contextmanager
def listen() -> Iterator[ListeningApi]:
    """The Runtime API on a port of this machine, while the block runs."""
    api = ListeningApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            api.note()
            threading.Event().wait(WAIT_S)

        def do_POST(self) -> None:
            api.note(self.rfile.read(int(self.headers["content-length"])).decode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    api.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield api
    server.shutdown()


def measure_image_starts(_: BenchRun) -> list[Row]:
    """Every unpacked image, in turns."""
    images = find_machine(find_cache(os.environ)).images
    if not images:
        return [not_measured("starts of images", "no unpacked image: hack/image-roots, as root")]
    absent = find_absent(local=False)
    rows = {one.runtime: (name, one) for name, one in LANGUAGES.items()}
    chosen = {name: rows[name] for name in images if name in rows and rows[name][0] not in absent}
    found: dict[str, list[float]] = {name: [] for name in chosen}
    with listen() as api, tempfile.TemporaryDirectory(dir=Path.cwd() / "build") as directory:
        for name, (_row, language) in chosen.items():
            write_code(language, Path(directory), Path(directory) / "task" / name)
        for _round in range(STARTS):
            for name, (_row, language) in chosen.items():
                task = Path(directory) / "task" / name
                found[name].append(start(api, Path(images[name]), task, language))
    return [build_row(name, Path(images[name]), found[name]) for name in found]


def write_code(language: Language, directory: Path, task: Path) -> None:
    """What a function of the matrix has in its task root."""
    task.mkdir(parents=True)
    build = Path(tempfile.mkdtemp(dir=directory))
    code: Mapping[str, Any] = language.code(build)
    for name, text in code.get("inline", {}).items():
        (task / name).write_text(text)
    if "zipFile" in code:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(code["zipFile"]))) as files:
            files.extractall(task)


def start(api: ListeningApi, image: Path, task: Path, language: Language) -> float:
    """Milliseconds from the start of the process to the first ``next``."""
    lines = (image / "environment").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    environment = variables | {
        "PATH": os.environ["PATH"],
        "IMAGE_PATH": variables["PATH"],
        "ROOT": str(image / "root"),
        "TASK": str(task),
        "_HANDLER": language.handler,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "start",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "AWS_REGION": "us-east-1",
    }
    environment.pop("KUBELAMBDA_LOG_FRAMES", None)  # there is no pipe for them
    api.asked.clear()
    began_s = time.monotonic()
    process = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", MOUNTS],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if not api.asked.wait(WAIT_S) or api.posted:
            raise RuntimeError(f"{image.name} asked for no event: {api.posted or 'silence'}")
        return (api.at_s - began_s) * 1000
    finally:
        process.kill()
        process.wait()


def build_row(name: str, image: Path, starts: list[float]) -> Row:
    """The start, and the size of everything below the image's root."""
    value = collect(starts)
    listed = subprocess.run(
        ["du", "-s", "--block-size=1MB", image / "root"], check=True, capture_output=True, text=True
    )
    return Row(
        name=f"image {name}, process to first next",
        value=value.text("ms", 0),
        spread=value.spread(0),
        floor=f"{listed.stdout.split()[0]} MB",
        number=value.median,
    )
