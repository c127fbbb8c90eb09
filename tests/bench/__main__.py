"""Measure, print one table, write bench-results/<time>.json: ``python -m bench [GROUP ...]``.

Without a group all of them run. Where no cluster is up ``cluster`` and ``cluster-runtimes`` are
skipped, with the reason.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Callable

from bench.agent_memory import measure_agent_memory
from bench.cluster import measure_cluster
from bench.cluster_runtimes import measure_cluster_runtimes
from bench.events import measure_events
from bench.gateway import measure_gateway
from bench.load_program import ROOT, LoadProgram
from bench.platform import measure_platform
from bench.report import Row, describe_machine, format_table, not_measured, write_json
from bench.runtimes import measure_runtimes
from bench.throttle import measure_throttle
from bench.throughput import measure_throughput

Group = Callable[[], list[Row]]


def main() -> int:
    """Exit code 0 unless a measurement broke; never because of a time."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # children are ended on the way out
    groups = build_groups(arguments.functions)
    before = describe_machine()
    rows: list[Row] = []
    broken = False
    for name in arguments.groups or groups:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        try:
            rows += groups[name]()
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            broken = True
            rows.append(not_measured(name, f"{type(error).__name__}: {error}"))
    path = write_json(ROOT / "bench-results", before, rows)
    print(format_table(rows))
    print(f"\n{before}\nwritten to {path.relative_to(ROOT)}")
    return int(broken)


def build_groups(function_count: int) -> dict[str, Group]:
    """All groups by name, in the order in which they run."""

    def with_program(measure: Callable[[LoadProgram], list[Row]]) -> Group:
        return lambda: measure(LoadProgram())

    return {
        "gateway": with_program(measure_gateway),
        "throughput": with_program(measure_throughput),
        "platform": with_program(measure_platform),
        "throttle": with_program(measure_throttle),
        "events": with_program(measure_events),
        "memory": with_program(measure_agent_memory),
        "runtimes": with_program(measure_runtimes),
        "cluster": lambda: measure_cluster(function_count),
        "cluster-runtimes": measure_cluster_runtimes,
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(build_groups(0)))
    parser.add_argument("--functions", type=int, default=1_000, help="functions on the cluster")
    arguments = parser.parse_args()
    unknown = set(arguments.groups) - set(build_groups(0))
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
