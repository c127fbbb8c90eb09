"""Resource quantities: written in the canonical form, read in every form.

Contract: what is written is what the API server returns; any other text ("1000m", "1024Mi") would
look like drift for ever. Source: the API reference, "Quantity".
"""

import re
from decimal import Decimal, InvalidOperation

_QUANTITY = re.compile(r"(?P<number>[+-]?[0-9.]+)(?P<suffix>[a-zA-Z]*)")
_POWERS_OF_1000 = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_POWERS_OF_1024 = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_SUFFIXES = {
    **{suffix: Decimal(1000) ** power for suffix, power in _POWERS_OF_1000.items()},
    **{suffix: Decimal(1024) ** power for suffix, power in _POWERS_OF_1024.items()},
}
_MIB_PER_GIB = 1024
_MILLIS = 1000


def format_cpu(millis: int) -> str:
    """``millis`` of a CPU: "72m", or "2" for whole ones."""
    return f"{millis}m" if millis % _MILLIS else str(millis // _MILLIS)


def format_mib(mib: int) -> str:
    """``mib`` MiB: "128Mi", or "2Gi" for whole ones."""
    return f"{mib}Mi" if mib % _MIB_PER_GIB else f"{mib // _MIB_PER_GIB}Gi"


def parse_cpu_millis(text: str) -> int:
    """Thousandths of a CPU in a quantity of the API server; ValueError for what is none."""
    try:
        return int(_parse(str(text)) * _MILLIS)
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(f"no quantity: {text!r}") from error


def _parse(text: str) -> Decimal:
    found = _QUANTITY.fullmatch(text)
    if found is None or found["suffix"] not in _SUFFIXES:
        return Decimal(text)  # with an exponent, or none at all
    return Decimal(found["number"]) * _SUFFIXES[found["suffix"]]
