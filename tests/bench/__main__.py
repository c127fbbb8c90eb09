"""Measure, print one table, write bench-results/<time>.json: ``python -m bench [GROUP ...]``.

Without a group all of them run. Where no cluster is up ``cluster``, ``versions`` and
``cluster-runtimes`` are skipped, with the reason. With ``--against REV`` that revision is measured
in turns with this tree.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Callable

from bench.bench_run import BenchRun
from bench.cluster import measure_cluster, measure_cluster_versions
from bench.cluster_runtimes import measure_cluster_runtimes
from bench.events import measure_events
from bench.gateway import measure_gateway
from bench.image_starts import measure_image_starts
from bench.load_program import ROOT, LoadProgram
from bench.memory import measure_memory
from bench.platform import measure_platform
from bench.report import Row, describe_machine, format_table, not_measured, write_json
from bench.runtimes import measure_runtimes
from bench.throttle import measure_throttle
from bench.throughput import measure_forwarded, measure_plain, measure_throughput, measure_tls
from bench.trees import prepare_trees

Group = Callable[[BenchRun], list[Row]]
ROUNDS = 10
COMPARABLE: dict[str, Group] = {
    "gateway": measure_gateway,
    "throughput": measure_throughput,
    "platform": measure_platform,
    "throttle": measure_throttle,
    "memory": measure_memory,
}
PARTS: dict[str, Group] = {
    "plain": measure_plain,
    "tls": measure_tls,
    "forwarded": measure_forwarded,
}
"""What the group ``throughput`` consists of, to be run alone."""


def main() -> int:
    """Exit code 0 unless a measurement broke; never because of a time."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # children are ended on the way out
    groups = build_groups(arguments.functions)
    trees = prepare_trees(arguments.against, compiled=arguments.compiled)
    run = BenchRun(LoadProgram(), trees, arguments.rounds)
    before = describe_machine() | {"trees": {tree.side: tree.describe() for tree in run.trees}}
    rows: list[Row] = []
    broken = False
    for name in arguments.groups or list_default_groups(groups, arguments.against):
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        try:
            rows += groups[name](run)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            broken = True
            rows.append(not_measured(name, f"{type(error).__name__}: {error}"))
    path = write_json(ROOT / "bench-results", before, rows)
    print(format_table(rows))
    print()
    for tree in run.trees:
        print(tree.text())
    print(f"{describe_machine()}\nwritten to {path.relative_to(ROOT)}")
    return int(broken)


def list_default_groups(groups: dict[str, Group], against: str) -> list[str]:
    """All groups, or those that can measure two trees."""
    return [name for name in groups if name not in PARTS and (name in COMPARABLE or not against)]


def build_groups(function_count: int) -> dict[str, Group]:
    """All groups by name, in the order in which they run."""
    return (
        COMPARABLE
        | PARTS
        | {
            "events": measure_events,
            "runtimes": measure_runtimes,
            "images": measure_image_starts,
            "cluster": lambda _: measure_cluster(function_count),
            "versions": lambda _: measure_cluster_versions(function_count),
            "cluster-runtimes": lambda _: measure_cluster_runtimes(),
        }
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(build_groups(0)))
    parser.add_argument("--functions", type=int, default=1_000, help="functions on the cluster")
    parser.add_argument(
        "--against", default="", metavar="REV", help="measure it in turns with this tree"
    )
    parser.add_argument("--compiled", action="store_true", help="this tree as images have it")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"{ROUNDS} if not given")
    arguments = parser.parse_args()
    known = build_groups(0)
    if unknown := set(arguments.groups) - set(known):
        parser.error(f"no group {', '.join(sorted(unknown))}")
    alone = [name for name in arguments.groups if name not in COMPARABLE | PARTS]
    if arguments.against and alone:
        parser.error(f"measured on this tree only: {', '.join(alone)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
