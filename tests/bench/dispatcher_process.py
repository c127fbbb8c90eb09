"""A dispatcher to be measured: ``python -m bench.dispatcher_process QUEUE GATEWAY SECRET``.

The URL of NATS, a gateway's internal address, the master secret's file. It is the product's role.
With KUBELAMBDA_BENCH_PROFILE a cProfile of its whole life is written to that file.
"""

import cProfile
import os
import sys
from pathlib import Path

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
    profile = os.environ.get("KUBELAMBDA_BENCH_PROFILE")
    if not profile:
        return run(settings)
    with cProfile.Profile() as profiler:
        code = run(settings)
    profiler.dump_stats(profile)
    return code


if __name__ == "__main__":
    sys.exit(main())
