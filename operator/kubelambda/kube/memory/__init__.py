"""An API server in memory: the driver of ``kube.api`` for tests and trials.

Contract: what controllers rely on, and no more: resourceVersion, uid and generation, field
ownership, preconditions, subresources, selectors, graceful deletion of pods that a node runs.
Nothing happens by itself: no controller manager, no scheduler, no kubelet; who needs one of them
plays it with ``edit``, ``remove`` and ``collect_garbage``.
"""

from kubelambda.kube.memory.server import Call, Event, MemoryApi, StoppedError

__all__ = ["Call", "Event", "MemoryApi", "StoppedError"]
