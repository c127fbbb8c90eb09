"""A trunk that is cut after any frame, in either direction: nothing is lost, nothing runs twice.

The rule (P1): the owner writes BEGUN before the environment gets the event, so an owner that dies
after that has told so; an event whose BEGUN has arrived is never sent again.
"""

import asyncio

import pytest

from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.trunk_frames import HEADER_BYTES, FrameCutter
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.peers.relay import OnFailure, Relay
from kubelambda.gateway.peers.router import Router
from unit.gateway.peers.relaying import OWNER, Asked
from unit.gateway.peers.trunks import Pair, Served
from unit.jumping_loop import run_jumping

OWN = Member("own", "127.0.0.1:2")
ANSWER_BYTES = 400_000
FINE = Outcome(b"y" * ANSWER_BYTES)
PAYLOAD = b"x" * 400_000


class World:
    """A router whose events go over a trunk; once that is lost the function is this gateway's."""

    def __init__(self) -> None:
        self.own, self.view, self.owner = OWN, View(7, (OWN, OWNER)), OWNER
        self.pooled: list[Invocation] = []
        self.ran: list[str] = []
        """What an environment of the owner has got."""
        self.pair = Pair(self.run)
        self.router = Router(self, self, self)  # type: ignore[arg-type]

    def run(self, served: Served) -> None:
        served.stream.begin()
        self.ran.append(served.request.request_id)
        served.stream.complete(FINE)

    def find_owner(self, ref: FunctionRef) -> Member:
        return self.owner

    def suspect(self, member: Member) -> None:
        self.owner = OWN

    def submit(self, invocation: Invocation) -> None:
        self.pooled.append(invocation)

    def forward(
        self, invocation: Invocation, owner: Member, epoch: int, on_failure: OnFailure
    ) -> None:
        relay = Relay(invocation, owner, epoch, on_failure)
        invocation.on_abandoned = relay.abandon
        self.pair.client.send(relay)

    def later(self, delay_s: float, call: object) -> None:
        asyncio.get_running_loop().call_later(delay_s, call)  # type: ignore[arg-type]

    def open_and_submit(self) -> Asked:
        self.pair.open()
        asked = Asked(payload=PAYLOAD)
        self.router.submit(asked.invocation)
        return asked

    def step(self, direction: str) -> int:
        """Let one frame arrive; its type, or 0 where none is on its way."""
        pair = self.pair
        pair.client.flush()
        for trunk in pair.listener._open:
            trunk.flush()
        end = pair.client_end if direction == "to the owner" else pair.server_end
        if not end.waiting:
            return 0
        count = HEADER_BYTES + int.from_bytes(end.waiting[:4], "big")
        frame = end.take(count)
        if direction == "to the owner":
            pair.to_server(frame)
        else:
            pair.to_client(frame)
        ((frame_type, _, _),) = FrameCutter().feed(frame)
        return frame_type

    def run_until(self, count: int) -> list[tuple[str, int]]:
        """Let up to ``count`` frames arrive, as they come."""
        arrived: list[tuple[str, int]] = []
        while len(arrived) < count:
            for direction in ("to the owner", "to the asker"):
                frame_type = self.step(direction)
                if frame_type:
                    arrived.append((direction, frame_type))
                    break
            else:
                break
        return arrived


def count_frames() -> int:
    async def count() -> int:
        world = World()
        asked = world.open_and_submit()
        arrived = world.run_until(10_000)
        assert asked.answers == [FINE]
        kinds = {frame_type for _, frame_type in arrived}
        assert kinds >= {frames.EVENT, frames.DATA, frames.CREDIT, frames.BEGUN, frames.OUTCOME}
        return len(arrived)

    return run_jumping(count())


@pytest.mark.parametrize("how", ["network", "owner killed", "asker drops", "asker stops"])
def test_after_any_frame_the_event_is_answered_or_sent_again_but_never_both(how: str) -> None:
    async def cut_after(count: int) -> None:
        world = World()
        asked = world.open_and_submit()
        world.run_until(count)
        if how == "owner killed":  # the kernel still delivers what the owner has written
            world.pair.to_client(world.pair.server_end.take())
        if how.startswith("asker"):
            world.pair.client.abort()
        world.pair.cut()
        await asyncio.sleep(60)
        if asked.invocation.begun:
            assert world.pooled == [], "what has begun is not sent again"
            assert asked.answers in ([Dropped()], [FINE])
        else:
            assert (world.pooled, asked.answers) == ([asked.invocation], [])
            if how == "owner killed":
                assert world.ran == [], "it runs once"
        assert world.pair.budget.held_bytes == 0

    async def cut_after_each() -> None:
        for count in range(total + 1):
            await cut_after(count)

    total = count_frames()
    run_jumping(cut_after_each())


def test_a_caller_who_goes_after_any_frame_is_not_answered_and_nothing_is_sent_again() -> None:
    async def leave_after(count: int) -> None:
        world = World()
        asked = world.open_and_submit()
        world.run_until(count)
        asked.invocation.leave()
        world.pair.exchange()
        await asyncio.sleep(1)
        assert (world.pooled, asked.answers) == ([], [])
        assert world.pair.client.takes_events, "other events go on"
        assert all(one.is_idle for one in world.pair.listener._open)

    async def leave_after_each() -> None:
        for count in range(total - 1):
            await leave_after(count)

    total = count_frames()
    run_jumping(leave_after_each())
