"""How slow the clients of a gateway may be, how many, and how much memory they may take (F14, F15).

Contract: pure values. The fields of ``ClientLimits`` are settings of the gateway
(``config.GatewaySettings``), each followed by a sentence with unit and consequence.
"""

from dataclasses import dataclass

BYTES_PER_S_MIN = 16_384
"""A client that sends a body or reads an answer at this rate is never cut off."""
IDLE_S = 75.0
"""How long a connection is kept between requests."""
REFUSAL_READ_S = 2.0
"""How long a connection stays open after a refusal, so that the client can read it."""

SMALL_BODY_BYTES = 65_536
"""A body that announces no more than this is taken even when large ones use all of their room."""
SMALL_BODIES_BYTES = 16_777_216
"""The room beyond ``bodies_bytes_max`` that is kept for small bodies."""

ANSWERS_BYTES_LEAST = 8_388_608
"""Room for one answer of 6 MB, its head and its frames."""


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """Settings of the gateway. Without slots, so that settings can inherit from several classes."""

    head_timeout_s: float = 10.0
    """A request's head that takes longer is answered 408 and its connection closed."""
    body_timeout_s: float = 10.0
    """A body may fall so far behind 16 KiB/s, from its beginning or after a stall; then 408."""
    write_timeout_s: float = 30.0
    """A client that reads its answer at less than 16 KiB/s for so long is cut off."""
    connections_max: int = 10_000
    """Client connections in all; one more is answered 503."""
    connections_per_address_max: int = 1_000
    """Of one address: raise it if all clients come by way of one proxy or a node's address."""
    bodies_bytes_max: int = 134_217_728
    """Bytes of all payloads that arrive or are unanswered; beyond that 503. Bounds the memory."""
    uploads_bytes_max: int = 536_870_912
    """Bytes of all packages that arrive or are not stored yet; beyond that 503. Bounds the disk."""
    answers_bytes_max: int = 134_217_728
    """Bytes of all answers that clients have not taken; beyond that the slowest are cut off."""

    def move_body_deadline(self, deadline: float, now: float, count: int) -> float:
        """The deadline of a body of which ``count`` more bytes have come.

        Each byte extends it by its time at the lowest rate, up to ``body_timeout_s`` from now.
        """
        return min(deadline + count / BYTES_PER_S_MIN, now + self.body_timeout_s)

    @property
    def stall_s(self) -> float:
        """How long nothing of a payload between two gateways may move.

        Twice as long as a client may hold up one that comes from him or goes to him.
        """
        return 2 * max(self.body_timeout_s, self.write_timeout_s)

    def least_read(self) -> int:
        """How many bytes of an answer a client has to read in ``write_timeout_s``."""
        return int(self.write_timeout_s * BYTES_PER_S_MIN)
