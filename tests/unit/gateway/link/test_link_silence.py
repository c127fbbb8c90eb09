"""A silent agent is dead; one that was not heard because the gateway stood still is not."""

import asyncio

from kubelambda.core.wire.frames import FrameType, encode_frame
from unit.gateway.link.fake_agent import FakeAgent
from unit.jumping_loop import on_jumping_loop


@on_jumping_loop
async def test_an_agent_that_is_silent_is_cut_in_bounded_time() -> None:
    agent = FakeAgent().upgrade()
    agent.greet()
    links = agent.gateway.links
    await asyncio.sleep(links.dead_s - 0.1)
    assert not agent.transport.ended
    await asyncio.sleep(links.ping_s)
    assert agent.transport.ended
    agent.hang_up()


@on_jumping_loop
async def test_a_gateway_that_stood_still_reads_before_it_cuts() -> None:
    """After a stop (SIGSTOP, no CPU) uvloop runs what is due before it reads what has come."""
    agent = FakeAgent().upgrade()
    agent.greet()
    links = agent.gateway.links
    loop = asyncio.get_running_loop()
    for _ in range(3):
        await asyncio.sleep(links.ping_s)
        loop._jumping.now += 10 * links.dead_s  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        assert not agent.transport.ended
        agent.link.data_received(encode_frame(FrameType.PONG))
    await asyncio.sleep(links.dead_s + links.ping_s)
    assert agent.transport.ended
    agent.hang_up()


@on_jumping_loop
async def test_an_agent_that_says_nothing_after_the_gateway_stood_still_is_cut_soon() -> None:
    agent = FakeAgent().upgrade()
    agent.greet()
    links = agent.gateway.links
    loop = asyncio.get_running_loop()
    loop._jumping.now += 10 * links.dead_s  # type: ignore[attr-defined]
    await asyncio.sleep(0.1)
    assert not agent.transport.ended
    await asyncio.sleep(2 * links.ping_s)
    assert agent.transport.ended
    agent.hang_up()
