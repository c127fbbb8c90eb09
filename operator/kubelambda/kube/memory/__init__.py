"""An API server in memory: the driver of ``kube.api`` for tests and trials.

Contract: implements what controllers rely on, and no more: resourceVersion, uid and generation,
field ownership, preconditions, subresources, selectors, graceful deletion of pods on a node.
Nothing happens by itself: there is no controller manager, no scheduler and no kubelet. A test that
needs one of them plays it with ``edit``, ``remove`` and ``collect_garbage``.
"""

from kubelambda.kube.memory.requests import Call, StoppedError
from kubelambda.kube.memory.server import MemoryApi
from kubelambda.kube.memory.watches import Event

__all__ = ["Call", "Event", "MemoryApi", "StoppedError"]
