"""Two ends of a trunk, joined by hand: the test decides what arrives, and when."""

import asyncio
from collections.abc import Callable

from kubelambda.core.coordination.membership import Member
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.relay import RelayRequest
from kubelambda.core.wire.trunk_frames import FrameCutter
from kubelambda.gateway.http.body_budget import BodyBudget
from kubelambda.gateway.invocation import ResponseStream
from kubelambda.gateway.peers.relay import Relay, RelayFailure
from kubelambda.gateway.peers.served_stream import ServedStream
from kubelambda.gateway.peers.trunk import TrunkProtocol
from kubelambda.gateway.peers.trunk_client import TrunkClient
from kubelambda.gateway.peers.trunk_listener import TrunkListener
from unit.gateway.peers.relaying import OWNER, Asked, FakeTransport
from unit.signing import make_signatures

KEY = b"k" * 32
FINE = Outcome(b'"fine"', tail="dGFpbA==")


class PipeTransport(FakeTransport):
    """What is written waits until the test lets it arrive."""

    def __init__(self) -> None:
        super().__init__(asyncio.Protocol())
        self.waiting = bytearray()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("10.0.0.7", 40_000) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.Protocol:
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0, "so that a write blocks as soon as the kernel takes no more"

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        self.waiting += data

    def take(self, count: int | None = None) -> bytes:
        """What has been written, or the first ``count`` bytes of it."""
        count = len(self.waiting) if count is None else count
        data = bytes(self.waiting[:count])
        del self.waiting[:count]
        return data


class Served:
    """One event as the owner has got it."""

    def __init__(self, request: RelayRequest, payload: bytes, stream: ServedStream) -> None:
        self.request = request
        self.payload = payload
        self.stream = stream


class Pair:
    """A gateway that asks and the owner that serves, with a trunk between them.

    ``on_serve`` is what the owner does with an event.
    """

    def __init__(self, on_serve: Callable[[Served], None] = lambda _: None) -> None:
        self.served: list[Served] = []
        self.on_serve = on_serve
        self.settled: list[Exception | None] = []
        self.ended: list[TrunkClient] = []
        self.failures: list[RelayFailure] = []
        self.http: list[bytes] = []
        self.budget = BodyBudget(50_000_000)
        self.answers = BodyBudget(50_000_000)
        self.listener = TrunkListener(
            make_signatures(KEY),
            address=OWNER.address,
            budget=self.budget,
            answers=self.answers,
            serve=self._serve,
            serve_http=lambda transport, received: self.http.append(received),
        )
        self.client_end = PipeTransport()
        self.server_end = PipeTransport()
        self.client = self.dial()
        self.is_accepted = False

    def dial(self, key: bytes = KEY, address: str = OWNER.address) -> TrunkClient:
        client = TrunkClient(address, make_signatures(key), self.settled.append, self.ended.append)
        protocol = TrunkProtocol(client)
        self.client_end.set_protocol(protocol)
        protocol.connection_made(self.client_end)
        return client

    def open(self) -> None:
        """The whole opening."""
        self.client.start()
        self.exchange()
        assert self.settled == [None]

    def exchange(self) -> None:
        """Let everything arrive until nothing is on its way; what waits for the loop does not."""
        while True:
            self.client.flush()
            self.to_server(self.client_end.take())
            for trunk in [*self.listener._open, *self.listener._unproved]:
                trunk.flush()
            self.to_client(self.server_end.take())
            self.client.flush()
            if not self.client_end.waiting and not self.server_end.waiting:
                return

    def to_server(self, data: bytes) -> None:
        if data and not self.server_end.ended:
            if self.is_accepted:
                self.server_end.get_protocol().data_received(data)
            else:
                self.is_accepted = True
                self.listener.accept(self.server_end, data)

    def to_client(self, data: bytes) -> None:
        if data and not self.client_end.ended:
            self.client_end.get_protocol().data_received(data)

    def cut(self) -> None:
        """The connection is gone; what is on its way never arrives."""
        for end in (self.client_end, self.server_end):
            end.waiting.clear()
            end.abort()

    def forward(self, stream: ResponseStream | None = None, **changes: object) -> Asked:
        asked = Asked(**changes)
        asked.invocation.stream = stream
        relay = Relay(asked.invocation, Member("owner", OWNER.address), 7, self.failures.append)
        asked.invocation.on_abandoned = relay.abandon
        self.client.send(relay)
        return asked

    def _serve(self, request: RelayRequest, payload: bytes, stream: ServedStream) -> None:
        served = Served(request, payload, stream)
        self.served.append(served)
        self.on_serve(served)


def make_open_pair() -> Pair:
    pair = Pair()
    pair.open()
    return pair


def cut_frames(data: bytes) -> list[tuple[int, int, bytes]]:
    """The frames in ``data``, which holds no opening."""
    return FrameCutter().feed(data)
