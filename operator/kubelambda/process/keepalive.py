"""Connections between our own processes end when the other end is silent for good.

A close is seen at once; the loss of a node is not. The kernel then probes a connection on which
nothing is to be sent, and gives one up on which what was sent is not acknowledged, both within
some 20 s. A process that stands still is another matter: its kernel goes on answering.
"""

import socket

IDLE_S = PERIOD_S = 5
PROBES = 3
USER_TIMEOUT_MS = 15_000
_OPTIONS = {
    (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): IDLE_S,
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): PERIOD_S,
    (socket.IPPROTO_TCP, "TCP_KEEPCNT"): PROBES,
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): USER_TIMEOUT_MS,
    (socket.IPPROTO_TCP, "TCP_NODELAY"): 1,
}


def set_keepalive(connection: socket.socket | None) -> None:
    """Set it on a TCP connection; anything else is left as it is."""
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for (level, name), value in _OPTIONS.items():
        if hasattr(socket, name):
            connection.setsockopt(level, getattr(socket, name), value)
