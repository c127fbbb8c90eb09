"""How much CPU a pod gets for the memory of its function, in thousandths of a CPU.

Contract: pure. Lambda's proportion; during init more, as ``ControllerSettings.init_cpu_millis``
says, after which the scaler lowers the limit in place.
"""

from kubelambda.config import ControllerSettings

MB_PER_CPU = 1769
"""Lambda gives one vCPU per 1,769 MB."""


def compute_share_millis(memory_mb: int) -> int:
    """The CPU limit of an environment after its init."""
    return max(2, round(memory_mb * 1000 / MB_PER_CPU))


def compute_init_millis(memory_mb: int, settings: ControllerSettings) -> int:
    """The CPU limit that pods are created with, for the time of their init."""
    return max(compute_share_millis(memory_mb), settings.init_cpu_millis)


def compute_request_millis(memory_mb: int, settings: ControllerSettings) -> int:
    """The CPU request: strictly below the share, or a resize would change the pod's QoS class."""
    share = compute_share_millis(memory_mb)
    return max(1, min(share - 1, int(share * settings.cpu_request_fraction)))
