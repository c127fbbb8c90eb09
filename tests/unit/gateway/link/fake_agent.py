"""A link without a socket: the test says what the agent sends, and reads what the gateway does."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import FrameDecoder, FrameType, agent_proof
from kubelambda.gateway.invocation import Answer, Invocation
from kubelambda.gateway.link.connection import LinkConnection
from kubelambda.gateway.link.environment import Environment
from kubelambda.gateway.link.hello import Hello
from kubelambda.gateway.link.hello_decision import HelloDecision, Welcomed
from kubelambda.gateway.link.links import LINKS_PER_FUNCTION_MAX, Decider, Links
from unit.functions import make_function

KEY = b"k" * 32
NO_CONTROL = (FrameType.INVOKE_BODY, FrameType.CREDIT)
UPGRADE = b"GET /link/v1 HTTP/1.1\r\nUpgrade: kubelambda-link/1\r\n\r\n"
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


class FakeListener:
    """Hears of every change of an environment."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def environment_idle(self, environment: Environment, *, first: bool) -> None:
        self.heard.append("idle for the first time" if first else "idle")

    def environment_recovered(self, environment: Environment) -> None:
        self.heard.append("recovered")

    def environment_changed(self, environment: Environment) -> None:
        self.heard.append("changed")


class FakeGateway:
    """Welcomes every agent that has the key, unless ``decider`` decides."""

    def __init__(
        self,
        decision: HelloDecision | None = None,
        *,
        decider: Decider | None = None,
        links_per_function_max: int = LINKS_PER_FUNCTION_MAX,
    ) -> None:
        self.hellos: list[Hello] = []
        self.attached: list[Environment] = []
        self.detached: list[Environment] = []
        self.served_as_http: list[bytes] = []
        self.listener = FakeListener()
        self._decision = decision or Welcomed({})
        self.links = Links(
            derive_key=lambda uid, generation: KEY if generation == 1 else None,
            decider=decider or self,
            attach=self.attached.append,
            detach=self.detached.append,
            listener=self.listener,
            read_epoch=lambda: 7,
            prove_epoch=lambda epoch: f"word for {epoch}",
            serve_http=lambda transport, received: self.served_as_http.append(received),
            links_per_function_max=links_per_function_max,
        )

    def decide(self, hello: Hello, answer: Callable[[HelloDecision], None]) -> None:
        self.hellos.append(hello)
        answer(self._decision)

    def forget(self, hello: Hello) -> None:
        """Nobody waits here."""


class FakeAgent:
    """An agent that has dialled ``gateway``, one of its own unless the test has one."""

    def __init__(self, gateway: FakeGateway | None = None) -> None:
        self.gateway = gateway or FakeGateway()
        self.transport = FakeTransport()
        self.link = LinkConnection(self.gateway.links)
        self.link.connection_made(self.transport)

    def upgrade(self) -> "FakeAgent":
        self.link.data_received(UPGRADE)
        return self

    def greet(self, **changes: str) -> None:
        """Say hello; ``changes`` are JSON texts in place of members."""
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
        """What the gateway has said in control frames."""
        decoder = FrameDecoder()
        decoder.authenticated = True
        stream = self.transport.written.partition(b"\r\n\r\n")[2]
        said = [(kind, payload) for kind, payload in decoder.feed(stream) if payload]
        return [(kind, json.loads(payload)) for kind, payload in said if kind not in NO_CONTROL]

    def begin_event(self) -> None:
        """Become idle, and be given an event."""
        self.greet()
        self.send(FrameType.INIT_DONE, {"initMs": 1})
        self.environment.invoke(make_invocation(lambda _: None))

    @property
    def environment(self) -> Environment:
        return self.gateway.attached[-1]

    def hang_up(self) -> None:
        """As asyncio does it: the transport is closed when the protocol is told."""
        self.transport.ended = True
        self.link.connection_lost(None)


def make_invocation(answer: Answer, payload: bytes = b"{}") -> Invocation:
    return Invocation("r-1", make_function(), "", "arn", payload, "", "", False, answer)
