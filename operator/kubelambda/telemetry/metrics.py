"""The metrics registry of a process role.

Contract: one registry per process, handed to whoever counts something; no module-level metric, so
that two roles (or two tests) in one process do not share counts. Labels carry bounded names only.
"""

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from kubelambda.telemetry.build_info import read_build_info

COLD_START_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
"""Seconds; the same for the stages that controllers and gateways see (docs/cold-start.md)."""


def build_registry() -> CollectorRegistry:
    """A fresh registry with the facts of the process itself (build, memory, CPU, open files)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = read_build_info()
    info = Info("kubelambda_build", "The version, and whether it is compiled.", registry=registry)
    info.info({"version": build.version, "form": build.form})
    return registry
