"""An event reaches its agent whole and in order, and never faster than the agent gives credit."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire import frames
from kubelambda.core.wire.event_frames import encode_beginning
from kubelambda.core.wire.frames import FrameDecoder, FrameType
from kubelambda.gateway.link.event_sender import EventSender
from unit.gateway.link.fake_agent import make_invocation

BEGINNING = encode_beginning("r-1")


class Written:
    """The frames that have been written, by their types and payloads."""

    def __init__(self) -> None:
        self._decoder = FrameDecoder()
        self._decoder.authenticated = True
        self.frames: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> None:
        self.frames += self._decoder.feed(data)

    @property
    def types(self) -> list[int]:
        return [kind for kind, _ in self.frames]

    @property
    def body(self) -> bytes:
        return b"".join(data for kind, data in self.frames if kind == FrameType.INVOKE_BODY)


@given(
    st.integers(min_value=0, max_value=5 * frames.WINDOW_BYTES),
    st.lists(st.integers(min_value=1, max_value=2 * frames.WINDOW_BYTES), max_size=12),
)
def test_no_more_is_sent_than_the_agent_gives_credit_for(size: int, grants: list[int]) -> None:
    payload = (bytes(range(251)) * (size // 251 + 1))[:size]
    written = Written()
    sender = EventSender(written.write)
    sender.start(make_invocation(lambda _: None, payload), BEGINNING)
    allowed = frames.WINDOW_BYTES
    assert len(written.body) <= allowed
    for credit in grants:
        allowed = min(allowed - len(written.body) + credit, frames.WINDOW_BYTES) + len(written.body)
        sender.add_credit(credit)
        assert len(written.body) <= allowed
    while FrameType.INVOKE_END not in written.types:
        before = len(written.body)
        sender.add_credit(frames.WINDOW_BYTES)
        assert len(written.body) > before or written.types[-1] == FrameType.INVOKE_END
    assert written.body == payload
    assert written.types[0] == FrameType.INVOKE
    assert written.types[-1] == FrameType.INVOKE_END


def test_what_is_left_of_an_event_that_is_over_is_not_sent_with_the_next() -> None:
    written = Written()
    sender = EventSender(written.write)
    sender.start(make_invocation(lambda _: None, b"x" * (2 * frames.WINDOW_BYTES)), BEGINNING)
    sender.stop()
    sender.add_credit(frames.WINDOW_BYTES)
    assert FrameType.INVOKE_END not in written.types
    written.frames.clear()
    sender.start(make_invocation(lambda _: None, b"next"), BEGINNING)
    assert written.types == [FrameType.INVOKE, FrameType.INVOKE_BODY, FrameType.INVOKE_END]
    assert written.body == b"next"


def test_a_small_event_is_one_write() -> None:
    writes: list[bytes] = []
    EventSender(writes.append).start(make_invocation(lambda _: None, b"{}"), BEGINNING)
    assert len(writes) == 1
