"""What a connection opens with is told apart, wherever the network cuts its bytes."""

import pytest

from kubelambda.core.wire.frames import ProtocolError
from kubelambda.gateway.link.upgrade import (
    UPGRADE_BYTES_MAX,
    Opening,
    classify_opening,
    skip_head,
)
from unit.gateway.link.fake_agent import UPGRADE, FakeAgent

OPENINGS = {
    "another version of the link": (UPGRADE.replace(b"/v1", b"/v2"), Opening.UNKNOWN_LINK),
    "an upgrade to something else": (UPGRADE.replace(b"link/1", b"link/2"), Opening.UNKNOWN_LINK),
    "no upgrade": (b"GET /link/v1 HTTP/1.1\r\nHost: g\r\n\r\n", Opening.UNKNOWN_LINK),
    "another path": (b"GET /lambda HTTP/1.1\r\n", Opening.HTTP),
    "another method": (b"POST /link/v1 HTTP/1.1\r\n", Opening.HTTP),
    "the link": (UPGRADE, Opening.LINK),
    "the link in other letters": (UPGRADE.replace(b"Upgrade", b"UPGRADE"), Opening.LINK),
}


@pytest.mark.parametrize(("received", "opening"), OPENINGS.values(), ids=OPENINGS)
def test_an_opening_is_classified_as_soon_as_that_is_possible(
    received: bytes, opening: Opening
) -> None:
    assert classify_opening(received) is opening
    seen = [classify_opening(received[:count]) for count in range(len(received))]
    assert set(seen) <= {Opening.INCOMPLETE, opening}
    assert seen[0] is Opening.INCOMPLETE
    if opening is not Opening.HTTP:
        assert set(seen) == {Opening.INCOMPLETE}


def test_the_frames_that_come_with_the_upgrade_are_kept() -> None:
    assert skip_head(UPGRADE + b"\x00\x00\r\n\r\n\x01") == b"\x00\x00\r\n\r\n\x01"


def test_a_head_without_end_is_refused() -> None:
    received = b"GET /link/v1 HTTP/1.1\r\n".ljust(UPGRADE_BYTES_MAX, b"x")
    assert classify_opening(received) is Opening.INCOMPLETE
    with pytest.raises(ProtocolError):
        classify_opening(received + b"x")


async def test_a_request_is_handed_over_with_all_its_bytes_and_is_no_link_any_more() -> None:
    agent = FakeAgent()
    for piece in (b"G", b"ET /li", b"bs HTTP/1.1\r\n"):
        agent.link.data_received(piece)
    assert agent.gateway.served_as_http == [b"GET /libs HTTP/1.1\r\n"]
    assert not agent.gateway.links.unauthenticated_by_address
    assert not agent.transport.ended
