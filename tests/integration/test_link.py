"""The internal listener against peers that are not agents, or not honest ones (docs/link.md)."""

import asyncio
import json
import secrets
from typing import Any

import pytest

from integration.conftest import MASTER, Installation
from kubelambda.core.model.function import Function
from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import FrameDecoder, FrameType
from kubelambda.core.wire.keys import derive_function_key, derive_key

UPGRADE = (
    b"GET /link/v1 HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: kubelambda-link/1\r\n\r\n"
)
NOBODYS = "absent1.0"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return event\n"


class Peer:
    """An agent by hand: speaks the link over a real socket and does as the test says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._decoder = FrameDecoder()
        self._decoder.authenticated = True
        self._frames: list[tuple[int, bytes]] = []

    @classmethod
    async def dial(cls, installation: Installation) -> "Peer":
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", installation.gateway.internal_port
        )
        installation.opened.append(writer)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        return cls(reader, writer)

    async def greet(self, function: Function, key: bytes | None = None, **changes: Any) -> None:
        """Answer the challenge; without ``key`` with the right one."""
        challenge = json.loads(await self.expect(FrameType.CHALLENGE))
        key = key or derive_function_key(MASTER, function.uid, 1)
        nonce, pod = secrets.token_hex(16), "peer-1"
        hello = {
            "version": 1,
            "namespace": function.ref.namespace,
            "function": function.ref.name,
            "uid": function.uid,
            "keyGeneration": 1,
            "configDigest": function.config_digest,
            "revision": "r",
            "pod": pod,
            "podUid": "u",
            "nonce": nonce,
            "proof": frames.agent_proof(key, challenge["nonce"], nonce, function.uid, pod),
            "state": "unconfigured",
        }
        self.send(frames.encode_control(FrameType.HELLO, hello | changes))

    async def expect(self, frame_type: FrameType) -> bytes:
        """The next frame, which must be of this type; pings are passed over."""
        async with asyncio.timeout(60):
            while True:
                while not self._frames:
                    data = await self._reader.read(65_536)
                    if not data:
                        raise ConnectionResetError("the gateway closed")
                    self._frames += self._decoder.feed(data)
                kind, payload = self._frames.pop(0)
                if kind != FrameType.PING:
                    assert kind == frame_type, f"0x{kind:02x} {payload[:200]!r}"
                    return payload

    async def become_idle(self, function: Function) -> None:
        await self.greet(function)
        await self.expect(FrameType.WELCOME)
        await self.expect(FrameType.CONFIGURE)
        self.send(frames.encode_control(FrameType.INIT_DONE, {"initMs": 1}))

    async def take_event(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(await self.expect(FrameType.INVOKE))
        await self.expect(FrameType.INVOKE_BODY)
        await self.expect(FrameType.INVOKE_END)
        return fields

    def answer(self, request_id: str, body: bytes) -> None:
        head = {"requestId": request_id, "functionError": False}
        self.send(frames.encode_control(FrameType.RESPONSE, head))
        self.send(frames.encode_frame(FrameType.RESPONSE_BODY, body))
        self.send(frames.encode_control(FrameType.RESPONSE_END, {"requestId": request_id}))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def hang_up(self) -> None:
        self._writer.transport.abort()


def put_unstarted(installation: Installation, **changes: Any) -> Function:
    """A function whose environments are the test's peers: nobody else can start its runtime."""
    return installation.put("peer", SLOW, runtime=NOBODYS, **changes)


async def link_idle(installation: Installation, **changes: Any) -> Peer:
    """An idle environment of that function."""
    function = put_unstarted(installation, **changes)
    peer = await Peer.dial(installation)
    await peer.become_idle(function)
    return peer


async def test_a_wrong_proof_is_turned_away(installation: Installation) -> None:
    """Rule A6: every internal hop is authenticated."""
    function = put_unstarted(installation)
    peer = await Peer.dial(installation)
    await peer.greet(function, key=b"x" * 32)
    with pytest.raises(ConnectionError):
        await peer.expect(FrameType.WELCOME)


@pytest.mark.parametrize("key_generation", [0, 3, 99])
async def test_an_empty_proof_for_a_key_that_does_not_exist_is_turned_away(
    installation: Installation, key_generation: int
) -> None:
    """A generation without a key was compared as if its proof were empty: every pod had it."""
    function = put_unstarted(installation)
    peer = await Peer.dial(installation)
    await peer.greet(function, keyGeneration=key_generation, proof="")
    with pytest.raises(ConnectionResetError):
        await peer.expect(FrameType.WELCOME)


async def test_a_key_of_another_function_is_turned_away(installation: Installation) -> None:
    """P6: a function's key opens nothing of another function."""
    function = put_unstarted(installation)
    other = installation.put("other", SLOW, runtime=NOBODYS)
    peer = await Peer.dial(installation)
    await peer.greet(function, key=derive_function_key(MASTER, other.uid, 1))
    with pytest.raises(ConnectionError):
        await peer.expect(FrameType.WELCOME)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /metrics HTTP/1.1\r\nHost: g\r\n\r\n",
        b"GET /link/v1 HTTP/1.1\r\nHost: g\r\n\r\n",
        b"POST /v1/demand HTTP/1.1\r\nHost: g\r\n\r\n",
    ],
)
async def test_anything_but_the_upgrade_is_404(installation: Installation, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.gateway.internal_port)
    writer.write(data)
    assert (await reader.read()).startswith(b"HTTP/1.1 404")
    writer.close()


@pytest.mark.parametrize(
    "data",
    [
        (5_000).to_bytes(4, "big") + b"\x02" + b" " * 5_000,
        bytes(5),
        frames.encode_frame(0x7F, b""),
        frames.encode_frame(FrameType.HELLO, b"[]"),
        frames.encode_control(FrameType.INIT_DONE, {}),
        frames.encode_control(FrameType.HELLO, {"version": 1}),
    ],
)
async def test_a_broken_rule_before_the_proof_ends_the_connection(
    installation: Installation, data: bytes
) -> None:
    peer = await Peer.dial(installation)
    await peer.expect(FrameType.CHALLENGE)
    peer.send(data)
    with pytest.raises(ConnectionError):
        await peer.expect(FrameType.WELCOME)


async def test_a_link_that_is_lost_in_the_middle_is_signal_killed(
    installation: Installation,
) -> None:
    """Spec 2.5: 200 with Runtime.ExitError, never a 5xx once it has begun."""
    peer = await link_idle(installation)
    call = asyncio.create_task(installation.invoke("peer", 1))
    await peer.take_event()
    peer.hang_up()
    answer = await call
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"] == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }


async def test_a_response_to_another_request_ends_the_link(installation: Installation) -> None:
    """F24: a fake result for another request reaches nobody."""
    peer = await link_idle(installation)
    call = asyncio.create_task(installation.invoke("peer", 1))
    await peer.take_event()
    peer.answer("00000000-0000-0000-0000-000000000000", b'"stolen"')
    assert (await call)["Payload"]["errorType"] == "Runtime.ExitError"


async def test_an_agent_that_is_silent_past_the_deadline_is_answered_for_and_keeps_its_slot(
    installation: Installation,
) -> None:
    """At deadline + 250 ms the gateway answers itself; the slot stays taken."""
    peer = await link_idle(installation, timeout_s=1, reserved_concurrency=1)
    call = asyncio.create_task(installation.invoke("peer", 1))
    event = await peer.take_event()
    assert (await call)["Payload"]["errorType"] == "Sandbox.Timedout"
    with pytest.raises(installation.client.exceptions.TooManyRequestsException):
        await installation.invoke("peer", 1)
    peer.answer(event["requestId"], b'"late"')
    idle = {"requestId": event["requestId"], "status": "success"}
    peer.send(frames.encode_control(FrameType.IDLE, idle))
    second = asyncio.create_task(installation.invoke("peer", 2))
    event = await peer.take_event()
    peer.answer(event["requestId"], b'"in time"')
    assert (await second)["Payload"] == "in time"


async def test_an_environment_of_an_older_configuration_gets_no_event(
    installation: Installation,
) -> None:
    await link_idle(installation)
    newer = await link_idle(installation, memory_mb=512)
    call = asyncio.create_task(installation.invoke("peer", 1))
    event = await newer.take_event()
    newer.answer(event["requestId"], b'"new"')
    assert (await call)["Payload"] == "new"


async def test_a_hello_is_parked_until_the_catalog_knows_the_function(
    installation: Installation,
) -> None:
    """The catalog may lag behind the controller by up to 2 s."""
    function = put_unstarted(installation)
    installation.index.remove(function.ref)
    peer = await Peer.dial(installation)
    await peer.greet(function)
    await asyncio.sleep(0.1)
    put_unstarted(installation)
    await peer.expect(FrameType.WELCOME)


async def test_a_hello_that_nobody_knows_is_refused_after_a_while(
    installation: Installation,
) -> None:
    function = put_unstarted(installation)
    installation.index.remove(function.ref)
    peer = await Peer.dial(installation)
    await peer.greet(function)
    refusal = json.loads(await peer.expect(FrameType.REFUSE))
    assert refusal["retryAfterMs"] > 0


@pytest.mark.parametrize("epoch", [2**60, 2**63 - 1])
async def test_an_epoch_of_a_hostile_pod_changes_nothing(
    installation: Installation, epoch: int
) -> None:
    """The pod's own environment ends; the view and everybody else's environments stay."""
    echo = installation.put("echo", "def handler(event, context):\n    return event\n")
    assert (await installation.invoke("echo", 1))["Payload"] == 1
    before = installation.gateway.view
    function = put_unstarted(installation)
    for _ in range(3):
        peer = await Peer.dial(installation)
        await peer.greet(function, epoch=epoch)
        assert json.loads(await peer.expect(FrameType.WELCOME))["epoch"] == epoch
        await peer.expect(FrameType.DRAIN)
    assert installation.gateway.view == before
    assert (await installation.invoke(echo.function_name, 2))["Payload"] == 2


async def test_an_epoch_ahead_that_no_gateway_vouches_for_is_refused_after_a_while(
    installation: Installation,
) -> None:
    function = put_unstarted(installation)
    before = installation.gateway.view
    peer = await Peer.dial(installation)
    await peer.greet(function, epoch=before.epoch + 1_000, epochProof="0" * 64)
    await peer.expect(FrameType.REFUSE)
    assert installation.gateway.view == before


async def test_an_epoch_ahead_with_a_gateways_word_is_overtaken(
    installation: Installation,
) -> None:
    """M3: the former gateway's clock was ahead of this one's."""
    function = put_unstarted(installation)
    ahead = installation.gateway.view.epoch + 1_000
    proof = frames.prove_epoch(derive_key(MASTER, frames.EPOCH_KEY_INFO), ahead)
    peer = await Peer.dial(installation)
    await peer.greet(function, epoch=ahead, epochProof=proof)
    welcome = json.loads(await peer.expect(FrameType.WELCOME))
    assert welcome["epoch"] == installation.gateway.view.epoch == ahead + 1


async def test_a_leaving_agent_is_drained_and_gets_no_more_events(
    installation: Installation,
) -> None:
    peer = await link_idle(installation)
    peer.send(frames.encode_control(FrameType.LEAVING, {}))
    await peer.expect(FrameType.DRAIN)


async def test_a_request_that_finds_no_environment_gets_503_with_a_reason(
    make_installation: Any,
) -> None:
    """Below the limit it waits for a cold start; after start_wait_s it is told."""
    installation = await make_installation(start_wait_s=0.3)
    put_unstarted(installation)
    with pytest.raises(installation.client.exceptions.ServiceException, match="started within"):
        await installation.invoke("peer", 1)
