"""Resource quantities, written as the API server writes them back.

Contract: canonical text only; anything else ("1000m", "1024Mi") would look like drift for ever.
"""

from decimal import Decimal

_SUFFIXES = {"m": Decimal("0.001"), "": Decimal(1), "k": Decimal(1000)}
_MIB_PER_GIB = 1024
_MILLIS = 1000


def format_cpu(millis: int) -> str:
    """``millis`` of a CPU: "72m", or "2" for whole ones."""
    return f"{millis}m" if millis % _MILLIS else str(millis // _MILLIS)


def format_mib(mib: int) -> str:
    """``mib`` MiB: "128Mi", or "2Gi" for whole ones."""
    return f"{mib}Mi" if mib % _MIB_PER_GIB else f"{mib // _MIB_PER_GIB}Gi"


def parse_cpu_millis(text: str) -> int:
    """Thousandths of a CPU in a quantity of the API server."""
    number = text.rstrip("mk")
    return int(Decimal(number) * _SUFFIXES[text[len(number) :]] * _MILLIS)
