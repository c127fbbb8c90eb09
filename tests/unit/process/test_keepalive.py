"""A connection between our processes ends when the other end's host is gone."""

import socket

from kubelambda.process.keepalive import set_keepalive


def test_a_tcp_connection_is_probed_and_given_up() -> None:
    with socket.socket() as one:
        set_keepalive(one)
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        probes = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
        period_s = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
        idle_s = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        assert idle_s + probes * period_s <= 20
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 20_000


def test_what_is_no_tcp_connection_is_left_as_it_is() -> None:
    set_keepalive(None)
    one, other = socket.socketpair()
    with one, other:
        set_keepalive(one)
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
