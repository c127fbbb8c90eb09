"""Which operation of the data plane a request is, from its method and raw path (spec 2.1).

Contract: pure; the function's name stays as it came, encoded, and is checked by others.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kubelambda.core.model.invocation import SYNC_REQUEST_BYTES_MAX

ASYNC_REQUEST_BYTES_MAX = 1_048_576
REMEMBERED_PATHS = 1_024
"""Each of at most REMEMBERED_BYTES, so 1 MB at most, whatever callers ask for."""
REMEMBERED_BYTES = 512
Name = Literal["Invoke", "InvokeWithResponseStream", "InvokeAsync"]
_TEMPLATES: tuple[tuple[Name, bytes, bytes], ...] = (
    ("Invoke", b"/2015-03-31/functions/", b"/invocations"),
    (
        "InvokeWithResponseStream",
        b"/2021-11-15/functions/",
        b"/response-streaming-invocations",
    ),
    ("InvokeAsync", b"/2014-11-13/functions/", b"/invoke-async"),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """``segment`` is what stands for the function in the path."""

    name: Name
    segment: bytes


def find_operation(method: bytes, path: bytes) -> Operation | None:
    """The operation; None for anything else."""
    if method != b"POST":
        return None
    return _find(path) if len(path) > REMEMBERED_BYTES else _remember(path)


def _find(path: bytes) -> Operation | None:
    for name, prefix, suffix in _TEMPLATES:
        if path.startswith(prefix):
            end = path.removesuffix(b"/") if name == "InvokeAsync" else path
            start, stop = len(prefix), len(end) - len(suffix)
            if start >= stop or not end.endswith(suffix):
                return None
            segment = end[start:stop]
            return None if b"/" in segment else Operation(name, segment)
    return None


_remember = lru_cache(REMEMBERED_PATHS)(_find)


def limit_body(method: bytes, path: bytes, headers: dict[bytes, bytes]) -> int:
    """How many bytes of body a request may have."""
    operation = find_operation(method, path)
    if operation is None:
        return 0
    is_event = headers.get(b"x-amz-invocation-type") == b"Event"
    if operation.name == "InvokeAsync" or (operation.name == "Invoke" and is_event):
        return ASYNC_REQUEST_BYTES_MAX
    return SYNC_REQUEST_BYTES_MAX
