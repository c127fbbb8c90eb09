"""Request ids and trace ids, from a reserve of random bytes.

Contract: every id is as random as one of ``uuid.uuid4``, and no bytes are used twice, not even by
two processes after a fork. The reserve saves system calls: without it each event would make three
(getrandom). Lives on one event loop.
"""

import os
import time
import weakref

_RESERVE_BYTES = 4_096
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""A random digit with the variant of a UUID in its upper two bits (RFC 9562, section 4.1)."""


class IdSource:
    """Makes ids of new requests."""

    def __init__(self) -> None:
        self._digits = ""
        """Random hexadecimal digits."""
        self._taken = 0
        """How many of them have been used."""
        _forget_after_fork(self)

    def make_request_id(self) -> str:
        """A UUID of version 4."""
        r = self._take(32)
        return f"{r[:8]}-{r[8:12]}-4{r[13:16]}-{_VARIANTS[r[16]]}{r[17:20]}-{r[20:]}"

    def make_trace_id(self) -> str:
        """The trace header of a request whose caller sent none."""
        r = self._take(40)
        return f"Root=1-{int(time.time()):08x}-{r[:24]};Parent={r[24:]};Sampled=0"

    def forget(self) -> None:
        """Drop the reserve: after a fork, another process has it, too."""
        self._digits, self._taken = "", 0

    def _take(self, count: int) -> str:
        end = self._taken + count
        if end > len(self._digits):
            self._digits = os.urandom(_RESERVE_BYTES).hex()
            end = count
        self._taken = end
        return self._digits[end - count : end]


def _forget_after_fork(source: IdSource) -> None:
    """The hook is never removed, so it must not keep ``source`` alive."""
    kept = weakref.ref(source)

    def forget() -> None:
        present = kept()
        if present is not None:
            present.forget()

    os.register_at_fork(after_in_child=forget)
