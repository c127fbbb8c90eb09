"""Frames of a trunk: cut out of any pieces, refused at the first broken rule, never beyond it."""

import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.trunk_frames import FrameCutter, TrunkProtocolError, encode_frame

TYPES = {
    frames.EVENT: frames.HEAD_BYTES_MAX,
    frames.OUTCOME: frames.HEAD_BYTES_MAX,
    frames.DATA: frames.DATA_BYTES_MAX,
    frames.CANCEL: frames.SHORT_BYTES_MAX,
    frames.BEGUN: frames.SHORT_BYTES_MAX,
    frames.PROOF: frames.SHORT_BYTES_MAX,
    0xFE: frames.HEAD_BYTES_MAX,
}
whole = st.tuples(
    st.sampled_from([frames.EVENT, frames.DATA, frames.OUTCOME, frames.BEGUN, frames.CREDIT]),
    st.integers(1, frames.STREAM_MAX),
    st.binary(max_size=frames.SHORT_BYTES_MAX),
)


def test_the_bytes_on_the_wire_are_those_of_the_document() -> None:
    assert encode_frame(frames.BEGUN, 7) == bytes.fromhex("00000000 10 00000007")
    assert frames.encode_credit(0, 65_536) == bytes.fromhex("00000004 21 00000000 00010000")
    assert frames.encode_refusal(2, 421) == bytes.fromhex("00000002 14 00000002 01a5")


@given(st.lists(whole, max_size=20), st.data())
def test_frames_are_cut_out_of_whatever_pieces_they_come_in(
    sent: list[tuple[int, int, bytes]], data: st.DataObject
) -> None:
    wire = b"".join(encode_frame(*one) for one in sent)
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=8).map(sorted))
    cutter, heard = FrameCutter(), []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        heard += cutter.feed(wire[start:end])
    assert heard == sent


def test_a_frame_of_the_greatest_length_byte_by_byte() -> None:
    cutter, heard = FrameCutter(), []
    for byte in encode_frame(frames.DATA, 1, b"x" * 3_000):
        heard += cutter.feed(bytes((byte,)))
    assert heard == [(frames.DATA, 1, b"x" * 3_000)]


@pytest.mark.parametrize(("frame_type", "high"), TYPES.items(), ids=lambda one: f"{one:#x}")
def test_a_frame_over_its_limit_is_refused_from_its_header(frame_type: int, high: int) -> None:
    stream = 0 if frame_type == frames.PROOF else 1
    FrameCutter().feed(frames.encode_header(frame_type, stream, high))
    with pytest.raises(TrunkProtocolError, match="over the limit"):
        FrameCutter().feed(frames.encode_header(frame_type, stream, high + 1))


def test_an_unknown_type_is_refused_or_where_it_may_be_ignored_skipped() -> None:
    with pytest.raises(TrunkProtocolError, match="unknown frame type 0x7f"):
        FrameCutter().feed(encode_frame(0x7F, 1))
    wire = encode_frame(0x80, 1, b"later") + encode_frame(frames.BEGUN, 1)
    assert FrameCutter().feed(wire) == [(frames.BEGUN, 1, b"")]


@pytest.mark.parametrize("frame_type", [frames.EVENT, frames.BEGUN, frames.DATA, frames.CANCEL])
def test_an_event_has_a_stream(frame_type: int) -> None:
    with pytest.raises(TrunkProtocolError, match="on stream 0"):
        FrameCutter().feed(encode_frame(frame_type, 0))


@pytest.mark.parametrize("payload", [b"", b"123", b"12345"])
def test_credit_is_four_bytes(payload: bytes) -> None:
    with pytest.raises(TrunkProtocolError):
        frames.decode_credit(payload)


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\0\0", b"\0\xc8", b"\xff\xff"])
def test_a_refusal_names_a_status_of_the_older_form(payload: bytes) -> None:
    with pytest.raises(TrunkProtocolError):
        frames.decode_refusal(payload)


@given(st.lists(st.binary(max_size=64), max_size=30))
def test_no_bytes_do_anything_but_end_the_connection(pieces: list[bytes]) -> None:
    cutter = FrameCutter()
    with contextlib.suppress(TrunkProtocolError):
        for piece in pieces:
            for frame_type, _, payload in cutter.feed(piece):
                assert len(payload) <= TYPES.get(frame_type, frames.SHORT_BYTES_MAX)


def test_announced_bytes_are_not_reserved() -> None:
    tracemalloc.start()
    cutters = [FrameCutter() for _ in range(100)]
    for cutter in cutters:
        cutter.feed(frames.encode_header(frames.EVENT, 1, frames.HEAD_BYTES_MAX))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
