"""No number that a pod sends is used before it is known to be one, within bounds (docs/link.md).

Every number of every message of an agent against whatever JSON can put in its place. A broken
one ends that link and nothing else: no error of ours, no change of the view.
"""

import logging
from collections.abc import Iterator

import pytest

from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import FrameType
from kubelambda.gateway.link.hello_decision import Retired
from unit.gateway.link.fake_agent import IDLE, FakeAgent, FakeGateway

NO_NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1",
    "true",
    '"1"',
    "[]",
    "{}",
    "null",
    "9" * 400,
]
NO_INTEGERS = ["1.5", "1e3"]
INTEGERS = [
    (FrameType.HELLO, "version"),
    (FrameType.HELLO, "keyGeneration"),
    (FrameType.HELLO, "epoch"),
]
NUMBERS = [
    (FrameType.HELLO, "remainingMs"),
    (FrameType.INIT_DONE, "initMs"),
    (FrameType.INIT_ERROR, "initMs"),
    (FrameType.IDLE, "durationMs"),
    (FrameType.IDLE, "billedMs"),
    (FrameType.IDLE, "maxMemoryMB"),
    (FrameType.IDLE, "initMs"),
]
CASES = [
    *((kind, name, value) for kind, name in INTEGERS for value in NO_NUMBERS + NO_INTEGERS),
    *((kind, name, value) for kind, name in NUMBERS for value in NO_NUMBERS),
]


@pytest.fixture(autouse=True)
def no_error_of_ours(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [one for one in caplog.records if one.levelno > logging.WARNING]


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
async def test_what_is_no_number_within_bounds_ends_the_link(
    kind: FrameType, name: str, value: str
) -> None:
    agent = FakeAgent().upgrade()
    if kind == FrameType.HELLO:
        agent.greet(**{name: value})
        assert agent.gateway.hellos == []
    elif kind == FrameType.IDLE:
        agent.begin_event()
        assert not agent.transport.ended
        agent.send(kind, IDLE, **{name: value})
        assert agent.environment.state == "busy"
    else:
        agent.greet()
        agent.send(kind, {"initMs": 1, "errorType": ""}, **{name: value})
        assert agent.environment.state == "starting"
    assert agent.transport.ended
    agent.hang_up()


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (FrameType.HELLO, "remainingMs", "900000"),
        (FrameType.HELLO, "epoch", str(2**63 - 1)),
        (FrameType.IDLE, "durationMs", "900000.25"),
        (FrameType.IDLE, "maxMemoryMB", "10240"),
        (FrameType.INIT_DONE, "initMs", "0"),
        (FrameType.INIT_ERROR, "initMs", "1e4"),
    ],
)
async def test_numbers_that_agents_do_send_are_taken(
    kind: FrameType, name: str, value: str
) -> None:
    agent = FakeAgent().upgrade()
    if kind == FrameType.HELLO:
        agent.greet(**{name: value})
    elif kind == FrameType.IDLE:
        agent.begin_event()
        agent.send(kind, IDLE, **{name: value})
        assert agent.environment.state == "idle"
    else:
        agent.greet()
        agent.send(kind, {"initMs": 1, "errorType": ""}, **{name: value})
        assert agent.environment.state == "idle"
    assert not agent.transport.ended
    agent.hang_up()


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff" * 3, b"\xff" * 5])
async def test_a_credit_that_is_no_32_bits_ends_the_link(payload: bytes) -> None:
    agent = FakeAgent().upgrade()
    agent.begin_event()
    agent.link.data_received(frames.encode_frame(FrameType.CREDIT, payload))
    assert agent.transport.ended
    agent.hang_up()


async def test_the_largest_credit_is_no_more_than_the_window() -> None:
    agent = FakeAgent().upgrade()
    agent.begin_event()
    agent.link.data_received(frames.encode_frame(FrameType.CREDIT, b"\xff" * 4))
    assert not agent.transport.ended
    agent.hang_up()


@pytest.mark.parametrize("name", ["uid", "pod", "nonce", "requestId", "epochProof"])
async def test_a_text_that_utf_8_cannot_carry_ends_the_link(name: str) -> None:
    agent = FakeAgent().upgrade()
    agent.greet(**{name: '"\\ud800"'})
    assert agent.gateway.hellos == []
    assert agent.transport.ended
    agent.hang_up()


async def test_an_agent_is_given_the_gateways_word_for_its_epoch() -> None:
    agent = FakeAgent().upgrade()
    agent.greet()
    welcome = dict(agent.said())[FrameType.WELCOME]
    assert (welcome["epoch"], welcome["epochProof"]) == (7, "word for 7")
    agent.hang_up()


async def test_an_agent_that_is_retired_is_welcomed_with_its_own_epoch_and_drained() -> None:
    """It obeys nothing else; whatever it finishes after that is nobody's business."""
    agent = FakeAgent(FakeGateway(Retired())).upgrade()
    agent.greet(epoch=str(2**60))
    said = agent.said()
    assert [kind for kind, _ in said] == [
        FrameType.CHALLENGE,
        FrameType.WELCOME,
        FrameType.DRAIN,
    ]
    assert said[1][1]["epoch"] == 2**60
    assert "epochProof" not in said[1][1]
    agent.send(FrameType.IDLE, IDLE)
    assert agent.gateway.attached == []
    assert not agent.transport.ended
    agent.hang_up()
