"""A dispatcher to be measured: ``python -m bench.dispatcher_process QUEUE GATEWAY SECRET``.

The URL of NATS, a gateway's internal address, the master secret's file. It is the product's role,
but for its end when standard input closes.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from bench.profiling import run_profiled
from kubelambda.config import DispatcherSettings
from kubelambda.dispatch.main import run


def main() -> int:
    queue_url, gateway, secret = sys.argv[1:]
    settings = DispatcherSettings(
        queue_url=queue_url,
        gateway_address=gateway,
        master_secret_file=Path(secret),
        metrics_port=0,
        drain_s=2.0,
    )
    threading.Thread(target=end_with_parent, daemon=True).start()
    return run_profiled("dispatcher", lambda: run(settings))


def end_with_parent() -> None:
    """Wait until nobody holds the other end of standard input."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
