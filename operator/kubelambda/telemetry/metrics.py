"""The metrics registry of a process role.

Contract: one registry per process, handed to whoever counts something; no module-level metric, so
that two roles (or two tests) in one process do not share counts. Labels carry bounded names only.
"""

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector


def build_registry() -> CollectorRegistry:
    """A fresh registry with the facts of the process itself (memory, CPU, open files)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
