"""What the scheduler says of a pod that it cannot place, and what to do about it.

Contract: pure; the scheduler's own words, without the part that changes from try to try.
"""

import re

from kubelambda.controller.diagnosis.text import cut_text

_ADVICE = (
    ("Insufficient memory", "add a node, or lower memorySize"),
    ("Insufficient cpu", "add a node, or lower memorySize, which the CPU request follows"),
    ("Insufficient ephemeral-storage", "add a node, or lower ephemeralStorage.size"),
    ("Too many pods", "a node has as many pods as it takes; add one, or raise its maxPods"),
    ("were unschedulable", "a node is cordoned; kubectl uncordon it, or add one"),
    ("node.kubernetes.io/unschedulable", "a node is cordoned; kubectl uncordon it, or add one"),
    ("node.kubernetes.io/not-ready", "a node is not ready; see kubectl get nodes"),
    ("node.kubernetes.io/unreachable", "a node does not answer; see kubectl get nodes"),
    ("-pressure", "a node has run short of memory, disk or process ids; see kubectl get nodes"),
    ("untolerated taint", "a node has a taint that function pods do not tolerate; add one without"),
    ("node affinity/selector", "no node has the labels that the namespace's pods need; label one"),
    ("no nodes available", "the cluster has no node that takes pods"),
)
"""Parts of the scheduler's message, and what to do about each."""


def explain_unscheduled(message: str) -> str:
    """The scheduler's words, followed by what to do about each cause that they name."""
    words = cut_scheduler(message)
    advice = [advice for part, advice in _ADVICE if part in words]
    return "; ".join([words or "no node takes it", *dict.fromkeys(advice)])


def cut_scheduler(message: str) -> str:
    """The scheduler's words without those about preemption, which change from try to try."""
    return cut_text(re.split(r"\.( |$)", message, maxsplit=1)[0])
