"""How slow, how many and how greedy the clients of a gateway may be (F14, F15).

Contract: pure values. The fields of ``ClientLimits`` are settings of the gateway
(``config.GatewaySettings``), each followed by a sentence with unit and consequence.
"""

from dataclasses import dataclass

BYTES_PER_S_MIN = 16_384
"""Whoever sends a body or reads an answer at this pace is in time."""
IDLE_S = 75.0
"""How long a connection is kept between requests."""
REFUSED_S = 2.0
"""How long a refused client gets to read why."""

ANSWERS_BYTES_LEAST = 8_388_608
"""Room for one answer of 6 MB, its head and its frames."""


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """Without slots, so that settings can inherit from it beside other settings."""

    head_timeout_s: float = 10.0
    """A request's head that takes longer is answered 408 and its connection closed."""
    body_timeout_s: float = 10.0
    """A body may take so much longer than its bytes need at 16 KiB/s; then 408."""
    write_timeout_s: float = 30.0
    """A client that reads its answer at less than 16 KiB/s for so long is cut off."""
    connections_max: int = 10_000
    """Client connections in all; one more is answered 503."""
    connections_per_address_max: int = 1_000
    """Of one address: raise it where all clients come by way of one proxy or a node's address."""
    bodies_bytes_max: int = 134_217_728
    """Bytes of all requests that arrive or are unanswered; beyond that 503. Bounds the memory."""
    answers_bytes_max: int = 134_217_728
    """Bytes of all answers that clients have not taken; beyond that the slowest are cut off."""

    def allow_body_s(self, body_bytes: int) -> float:
        """How long a body may take of which so many bytes have come."""
        return self.body_timeout_s + body_bytes / BYTES_PER_S_MIN

    def least_read(self) -> int:
        """How many bytes of an answer must be read in ``write_timeout_s``."""
        return int(self.write_timeout_s * BYTES_PER_S_MIN)
