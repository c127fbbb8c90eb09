"""No number that a pod sends is used before it is known to be one, within bounds (docs/link.md).

Every number of every message of an agent against whatever JSON can put in its place. A broken
one ends that link and nothing else: no error of ours, no change of the view.
"""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import FrameDecoder, FrameType, agent_proof
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.link.environment import Environment
from kubelambda.gateway.link.hello import Hello
from kubelambda.gateway.link.hello_decision import HelloDecision, Retired, Welcomed
from kubelambda.gateway.link.listener import LINKS_PER_FUNCTION_MAX, LinkConnection, LinkContext

KEY = b"k" * 32
UPGRADE = b"GET /link/v1 HTTP/1.1\r\nUpgrade: kubelambda-link/1\r\n\r\n"
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
HELLO: dict[str, Any] = {
    "version": 1,
    "namespace": "shop",
    "function": "hello",
    "uid": "u",
    "keyGeneration": 1,
    "configDigest": "d",
    "revision": "r",
    "pod": "p",
    "podUid": "pu",
    "state": "unconfigured",
    "remainingMs": 0,
    "epoch": 0,
}
IDLE = {"requestId": "r-1", "durationMs": 1.5, "billedMs": 2, "maxMemoryMB": 36, "initMs": 110.1}
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


class FakeTransport(asyncio.Transport):
    """Keeps what is written and whether it was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unread_bytes = 0
        """What the peer has left in its kernel and ours."""
        self.ended = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("10.9.8.7", 1) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True


class Listener:
    def environment_idle(self, environment: Environment, *, first: bool) -> None: ...

    def environment_recovered(self, environment: Environment) -> None: ...

    def environment_changed(self, environment: Environment) -> None: ...


class World:
    """One link to a gateway that welcomes whoever has the key; ``beside`` another one's."""

    def __init__(
        self,
        decision: HelloDecision | None = None,
        beside: "World | None" = None,
        links_per_function_max: int = LINKS_PER_FUNCTION_MAX,
    ) -> None:
        self.transport = FakeTransport()
        self.hellos: list[Hello] = []
        self.environments: list[Environment] = []
        self._decision = decision or Welcomed({})
        self.context: LinkContext = (
            beside.context
            if beside
            else LinkContext(
                derive_key=lambda uid, generation: KEY,
                decide=self.decide,
                attach=self.environments.append,
                detach=lambda _: None,
                listener=Listener(),
                read_epoch=lambda: 7,
                prove_epoch=lambda epoch: f"word for {epoch}",
                serve_http=lambda transport, received: None,
                links_per_function_max=links_per_function_max,
            )
        )
        self.link = LinkConnection(self.context)
        self.link.connection_made(self.transport)
        self.link.data_received(UPGRADE)

    def decide(self, hello: Hello, answer: Any) -> None:
        self.hellos.append(hello)
        answer(self._decision)

    def greet(self, **changes: str) -> None:
        nonce = "0" * 32
        (challenge,) = [fields for kind, fields in self.said() if kind == FrameType.CHALLENGE]
        proof = agent_proof(KEY, challenge["nonce"], nonce, "u", "p")
        self.send(FrameType.HELLO, HELLO | {"nonce": nonce, "proof": proof}, **changes)

    def send(self, kind: int, fields: dict[str, Any], **changes: str) -> None:
        """A control frame; ``changes`` are JSON texts in place of members."""
        members = {name: json.dumps(value) for name, value in fields.items()} | changes
        payload = "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"
        self.link.data_received(frames.encode_frame(kind, payload.encode()))

    def said(self) -> list[tuple[int, Any]]:
        decoder = FrameDecoder()
        decoder.authenticated = True
        stream = self.transport.written.partition(b"\r\n\r\n")[2]
        return [(kind, json.loads(payload)) for kind, payload in decoder.feed(stream) if payload]

    def begin_event(self) -> None:
        self.greet()
        self.send(FrameType.INIT_DONE, {"initMs": 1})
        function = Function(
            ref=FunctionRef("shop", "hello"),
            uid="u",
            function_name="hello",
            account_id="1",
            runtime="python3.13",
            handler="app.h",
            code=InlineFiles({}),
        )
        invocation = Invocation("r-1", function, "", "arn", b"{}", "", "", False, lambda _: None)
        self.environments[0].invoke(invocation)
        invocation.stop_timer()


@pytest.fixture(autouse=True)
def no_error_of_ours(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [one for one in caplog.records if one.levelno > logging.WARNING]


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
async def test_what_is_no_number_within_bounds_ends_the_link(
    kind: FrameType, name: str, value: str
) -> None:
    world = World()
    if kind == FrameType.HELLO:
        world.greet(**{name: value})
        assert world.hellos == []
    elif kind == FrameType.IDLE:
        world.begin_event()
        assert not world.transport.ended
        world.send(kind, IDLE, **{name: value})
        assert world.environments[0].state == "busy"
    else:
        world.greet()
        world.send(kind, {"initMs": 1, "errorType": ""}, **{name: value})
        assert world.environments[0].state == "starting"
    assert world.transport.ended
    world.link.connection_lost(None)


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
    world = World()
    if kind == FrameType.HELLO:
        world.greet(**{name: value})
    elif kind == FrameType.IDLE:
        world.begin_event()
        world.send(kind, IDLE, **{name: value})
        assert world.environments[0].state == "idle"
    else:
        world.greet()
        world.send(kind, {"initMs": 1, "errorType": ""}, **{name: value})
        assert world.environments[0].state == "idle"
    assert not world.transport.ended
    world.link.connection_lost(None)


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff" * 3, b"\xff" * 5])
async def test_a_credit_that_is_no_32_bits_ends_the_link(payload: bytes) -> None:
    world = World()
    world.begin_event()
    world.link.data_received(frames.encode_frame(FrameType.CREDIT, payload))
    assert world.transport.ended
    world.link.connection_lost(None)


async def test_the_largest_credit_is_no_more_than_the_window() -> None:
    world = World()
    world.begin_event()
    world.link.data_received(frames.encode_frame(FrameType.CREDIT, b"\xff" * 4))
    assert not world.transport.ended
    world.link.connection_lost(None)


@pytest.mark.parametrize("name", ["uid", "pod", "nonce", "requestId", "epochProof"])
async def test_a_text_that_utf_8_cannot_carry_ends_the_link(name: str) -> None:
    world = World()
    world.greet(**{name: '"\\ud800"'})
    assert world.hellos == []
    assert world.transport.ended
    world.link.connection_lost(None)


async def test_an_agent_is_given_the_gateways_word_for_its_epoch() -> None:
    world = World()
    world.greet()
    welcome = dict(world.said())[FrameType.WELCOME]
    assert (welcome["epoch"], welcome["epochProof"]) == (7, "word for 7")
    world.link.connection_lost(None)


async def test_an_agent_that_is_retired_is_welcomed_with_its_own_epoch_and_drained() -> None:
    """It obeys nothing else; whatever it finishes after that is nobody's business."""
    world = World(Retired())
    world.greet(epoch=str(2**60))
    said = world.said()
    assert [kind for kind, _ in said] == [
        FrameType.CHALLENGE,
        FrameType.WELCOME,
        FrameType.DRAIN,
    ]
    assert said[1][1]["epoch"] == 2**60
    assert "epochProof" not in said[1][1]
    world.send(FrameType.IDLE, IDLE)
    assert world.environments == []
    assert not world.transport.ended
    world.link.connection_lost(None)
