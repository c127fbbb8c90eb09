"""A NATS server of the measurement's own, on loopback, with and without fsync of each message."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.installation import free_port
from bench.load_program import ROOT
from bench.processes import Child, running

LISTEN_S = 10.0
SYNC = {True: "sync_interval: always", False: 'sync_interval: "2m"'}


@contextmanager
def run_nats(directory: Path, *, sync: bool) -> Iterator[tuple[Child, str]]:
    """The running server and its URL; its storage is in ``directory``."""
    built = subprocess.run([ROOT / "hack" / "nats-server"], check=True, stdout=subprocess.PIPE)
    port, config = free_port(), directory / "nats.conf"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nmax_payload: 8MB\nlog_file: '{directory / 'nats.log'}'\n"
        f'jetstream {{ store_dir: "{directory / "nats"}", {SYNC[sync]} }}\n'
    )
    with running([built.stdout.decode().strip(), "-c", config]) as server:
        wait_for_port(port)
        yield server, f"nats://127.0.0.1:{port}"


def wait_for_port(port: int) -> None:
    """Until somebody listens there."""
    end = time.monotonic() + LISTEN_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("nats-server does not listen")
