"""An agent that holds its function's key and means ill costs its own function, nobody else (P7)."""

import json

import pytest

from kubelambda.core.wire.frames import FrameType, encode_frame
from kubelambda.gateway.link.connection import UNREAD_BYTES_MAX
from kubelambda.gateway.link.hello import NAME_CHARS_MAX
from unit.gateway.link.fake_agent import FakeAgent, FakeGateway


async def test_links_beyond_what_a_function_can_need_are_told_to_come_again() -> None:
    """Each takes a descriptor, and a place in the report to the controller, which is bounded."""
    gateway = FakeGateway(links_per_function_max=1)
    first = FakeAgent(gateway).upgrade()
    first.greet()
    assert FrameType.WELCOME in dict(first.said())
    second = FakeAgent(gateway).upgrade()
    second.greet()
    refusal = dict(second.said())[FrameType.REFUSE]
    assert refusal["reason"] == "the function has too many environments linked"
    assert second.transport.ended
    second.hang_up()
    first.hang_up()
    third = FakeAgent(gateway).upgrade()
    third.greet()
    assert FrameType.WELCOME in dict(third.said())
    third.hang_up()
    assert not gateway.links.links_by_uid


NO_NAMES = {
    "longer than any name of Kubernetes": "x" * (NAME_CHARS_MAX + 1),
    "characters that take six bytes in a report": "\u00e9",
    "control characters": "a\nb",
}


@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES)
@pytest.mark.parametrize("member", ["pod", "podUid", "revision", "configDigest"])
async def test_what_a_pod_calls_itself_is_no_longer_in_a_report_than_a_name(
    member: str, name: str
) -> None:
    """A few hundred environments with long names would make the report too long for all."""
    agent = FakeAgent().upgrade()
    agent.greet(**{member: json.dumps(name)})
    assert agent.transport.ended
    agent.hang_up()


async def test_an_agent_that_does_not_read_what_it_asks_for_is_cut_off() -> None:
    """Pings are answered, each with five bytes of the gateway's memory until they are read."""
    agent = FakeAgent().upgrade()
    agent.greet()
    agent.transport.unread_bytes = UNREAD_BYTES_MAX
    agent.link.data_received(encode_frame(FrameType.PING))
    assert not agent.transport.ended
    agent.transport.unread_bytes += 5
    agent.link.data_received(encode_frame(FrameType.PING))
    assert agent.transport.ended
    agent.hang_up()
