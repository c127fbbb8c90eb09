"""In which order a trunk's streams send: fairly, in order, and never more than there is credit."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.trunk_flow import (
    CONNECTION_WINDOW_BYTES,
    CREDIT_STEP_BYTES,
    JOINED_BYTES_MAX,
    STREAM_WINDOW_BYTES,
    FlowSender,
    Incoming,
    Outgoing,
)
from kubelambda.core.wire.trunk_frames import FrameCutter, encode_frame

HEAD = b"head"


class Wire:
    """What a sender has written, as the other end reads it."""

    def __init__(self) -> None:
        self.cutter = FrameCutter()
        self.frames: list[tuple[int, int, bytes]] = []
        self.sender = FlowSender(self.write)

    def write(self, data: bytes) -> None:
        self.frames += self.cutter.feed(data)

    def join(self, stream: int) -> bytes:
        """All that came of a stream, without its head."""
        parts = [payload for _, number, payload in self.frames if number == stream]
        return b"".join(parts)[len(HEAD) :]

    def count(self) -> int:
        return sum(len(payload) for _, _, payload in self.frames)


def send(wire: Wire, stream: int, size: int) -> Outgoing:
    out = Outgoing(stream)
    wire.sender.send_message(out, frames.EVENT, HEAD, bytes((stream,)) * size)
    return out


def test_a_short_message_is_one_frame() -> None:
    wire = Wire()
    out = send(wire, 1, JOINED_BYTES_MAX)
    assert len(wire.frames) == 1
    assert not out.is_waiting


def test_a_large_payload_waits_for_credit_and_another_stream_does_not_wait_for_it() -> None:
    """Neither window of the large one keeps a short message back for longer than a turn."""
    wire = Wire()
    send(wire, 1, 1_000_000)
    assert wire.count() <= CONNECTION_WINDOW_BYTES
    send(wire, 2, 10)
    wire.sender.add_connection_credit(CREDIT_STEP_BYTES)
    assert wire.join(2) == b"\2" * 10
    assert wire.count() <= CONNECTION_WINDOW_BYTES + CREDIT_STEP_BYTES


def test_a_stream_without_credit_lets_the_others_pass() -> None:
    wire = Wire()
    slow = send(wire, 1, 1_000_000)
    while slow.credit:
        wire.sender.add_connection_credit(CREDIT_STEP_BYTES)
    wire.sender.add_connection_credit(CONNECTION_WINDOW_BYTES)
    send(wire, 2, 200_000)
    assert wire.join(2) == b"\2" * 200_000
    assert len(wire.join(1)) == STREAM_WINDOW_BYTES
    wire.sender.add_connection_credit(CONNECTION_WINDOW_BYTES)
    wire.sender.add_stream_credit(slow, CREDIT_STEP_BYTES)
    assert len(wire.join(1)) == STREAM_WINDOW_BYTES + CREDIT_STEP_BYTES


def test_streams_take_turns() -> None:
    wire = Wire()
    for stream in (1, 2, 3):
        send(wire, stream, 500_000)
    for _ in range(6):
        wire.sender.add_connection_credit(CREDIT_STEP_BYTES)
    sizes = [len(wire.join(stream)) for stream in (1, 2, 3)]
    assert min(sizes[1:]) > 0
    assert abs(sizes[1] - sizes[2]) <= frames.DATA_BYTES_MAX


def test_nothing_but_short_frames_is_written_while_the_kernel_takes_nothing() -> None:
    wire = Wire()
    wire.sender.is_blocked = True
    send(wire, 1, 10)
    assert wire.frames == []
    wire.sender.is_blocked = False
    wire.sender.pump()
    assert wire.join(1) == b"\1" * 10


def test_the_end_of_a_stream_follows_its_last_part() -> None:
    wire, out = Wire(), Outgoing(1)
    taken = [wire.sender.send_part(out, b"x" * 100_000) for _ in range(4)]
    assert taken == [True, True, False, False]
    wire.sender.send_end(out, encode_frame(frames.END, 1))
    assert frames.END not in [frame_type for frame_type, _, _ in wire.frames]
    while out.is_waiting:
        wire.sender.add_connection_credit(CREDIT_STEP_BYTES)
        wire.sender.add_stream_credit(out, CREDIT_STEP_BYTES)
    assert wire.frames[-1] == (frames.END, 1, b"")
    assert sum(len(payload) for _, _, payload in wire.frames) == 400_000


def test_what_is_forgotten_is_not_sent() -> None:
    wire = Wire()
    out = send(wire, 1, 1_000_000)
    before = wire.count()
    out.forget()
    wire.sender.add_connection_credit(CONNECTION_WINDOW_BYTES)
    assert wire.count() == before


def test_credit_is_given_back_in_steps_and_more_than_was_allowed_is_noticed() -> None:
    incoming = Incoming()
    assert incoming.receive(CREDIT_STEP_BYTES - 1)
    assert incoming.take_credit() == 0
    assert incoming.receive(1)
    assert incoming.take_credit() == CREDIT_STEP_BYTES
    assert incoming.take_credit() == 0
    assert incoming.receive(STREAM_WINDOW_BYTES)
    assert not incoming.receive(1)


@given(
    st.lists(st.integers(0, 400_000), min_size=1, max_size=8),
    st.data(),
)
def test_everything_arrives_in_order_and_within_both_windows(
    sizes: list[int], data: st.DataObject
) -> None:
    """Whatever the order in which credit comes: nothing lost, nothing doubled, no bound passed."""
    wire = Wire()
    outs = {number: send(wire, number, size) for number, size in enumerate(sizes, 1)}
    read = 0
    taken = dict.fromkeys(outs, 0)
    while any(out.is_waiting for out in outs.values()):
        assert wire.count() - read <= CONNECTION_WINDOW_BYTES + len(HEAD)
        for number in outs:
            assert len(wire.join(number)) - taken[number] <= STREAM_WINDOW_BYTES
        number = data.draw(st.sampled_from(sorted(outs)))
        if wire.count() > read and data.draw(st.booleans()):
            step = wire.count() - read
            read += step
            wire.sender.add_connection_credit(step)
        else:
            step = len(wire.join(number)) - taken[number]
            taken[number] += step
            wire.sender.add_stream_credit(outs[number], step)
            if not step and wire.count() > read:
                step = wire.count() - read
                read += step
                wire.sender.add_connection_credit(step)
    for number, size in enumerate(sizes, 1):
        assert wire.join(number) == bytes((number,)) * size
    heads = [number for frame_type, number, _ in wire.frames if frame_type == frames.EVENT]
    assert heads == sorted(heads), "streams are opened in the order of their numbers"
