"""Trunks between real gateways: cut after any frame, beside large ones, and with older gateways."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from integration.conftest import MASTER
from integration.faults.wire import wait_until
from integration.gateways import SLEEP, Gateways, wait_for_runs
from integration.test_gateways import ECHO, STREAM, STREAM_PATH, put_owned_by
from integration.trunk_proxy import HOST, TrunkProxy
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.keys import INTERNAL_KEY_INFO, SIGNATURE_HEADER, derive_key
from ports import free_port
from release_0 import relay as old_relay

LARGE = """
def handler(event, context):
    with open(event["file"], "a") as runs:
        runs.write(context.aws_request_id + "\\n")
    return "y" * 120_000
"""


class Proxied:
    """Two gateways that reach each other through proxies only."""

    def __init__(self, state: Path) -> None:
        self.group = Gateways(state)
        self.proxies: dict[str, TrunkProxy] = {}

    async def start(self) -> None:
        for name in ("gateway-0", "gateway-1"):
            port = free_port()
            proxy = self.proxies[name] = TrunkProxy(port)
            await proxy.start()
            await self.group.add(name, internal_port=port, pod_ip=HOST)

    async def close(self) -> None:
        await self.group.close()
        for proxy in self.proxies.values():
            await proxy.close()


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Proxied]:
    one = Proxied(tmp_path / "state")
    await one.start()
    yield one
    await one.close()


def cut_once_after(number: int) -> Callable[[str, int], bool]:
    """Cut after the frame of this number of both directions, pings left out."""
    seen = 0

    def should_cut(direction: str, frame_type: int) -> bool:
        nonlocal seen
        if frame_type in (frames.PING, frames.PONG):
            return False
        seen += 1
        return seen == number

    return should_cut


async def test_a_trunk_cut_after_any_frame_answers_in_time_and_never_runs_twice_what_had_begun(
    proxied: Proxied, tmp_path: Path
) -> None:
    """P1: where BEGUN has come the caller's connection is closed, before it the event goes again.

    Large payloads both ways, so that there are DATA and CREDIT frames to cut after, too.
    """
    group, proxy = proxied.group, proxied.proxies["gateway-0"]
    function = put_owned_by(group, "gateway-0", LARGE, timeout_s=30)
    number = 0
    while True:
        number += 1
        runs = tmp_path / f"runs-{number}"  # one that was left alone may run later
        runs.write_text("")
        proxy.frames.clear()
        proxy.should_cut = cut_once_after(number)
        event = {"file": str(runs), "more": "x" * 120_000}
        began = time.monotonic()
        try:
            answer = await group.invoke("gateway-1", function.ref.name, event)
        except aiohttp.ClientError:
            answer = (0, None)
        assert time.monotonic() - began < 10
        heard = [frame for frame in proxy.frames if frame[1] not in (frames.PING, frames.PONG)]
        if len(heard) < number:  # nothing was cut
            break
        await wait_for_runs(runs, 1)  # the caller of an event that has begun may be gone before
        ran = runs.read_text().split()
        if ("to the asker", frames.BEGUN) in heard[:number]:
            assert answer[0] in (0, 200)
            assert len(ran) == 1
        else:
            assert answer == (200, "y" * 120_000)
            assert len(set(ran)) == 1
        if ("to the asker", frames.OUTCOME) not in heard[:number]:
            await asyncio.sleep(0.2)  # what runs on alone ends
    kinds = {frame_type for _, frame_type in heard}
    assert kinds >= {frames.EVENT, frames.DATA, frames.CREDIT, frames.BEGUN, frames.OUTCOME}
    assert number > 10


async def test_a_large_answer_and_a_slow_reader_hold_up_no_other_event(proxied: Proxied) -> None:
    """All on one connection: a stream that nobody reads, six megabytes, and small events."""
    group, proxy = proxied.group, proxied.proxies["gateway-0"]
    endless = put_owned_by(group, "gateway-0", STREAM, timeout_s=60)
    function = next(
        one
        for number in range(1_000)
        if group.owner_of(one := group.put(f"echo-{number}", ECHO)) == "gateway-0"
    )
    url = group.running["gateway-1"].url + STREAM_PATH.format(name=endless.ref.name)
    async with (
        aiohttp.ClientSession(read_bufsize=1) as session,
        session.post(url, data=b"1000") as response,
    ):
        await response.content.read(1)
        await asyncio.sleep(1)
        payload = json.dumps("x" * 6_000_000).encode()
        large = asyncio.create_task(group.send("gateway-1", function.ref.name, payload))
        for _ in range(20):
            began = time.monotonic()
            assert (await group.invoke("gateway-1", function.ref.name))[0] == 200
            assert time.monotonic() - began < 10
        assert (await large)[0] == 200
        total = 1
        async for part in response.content.iter_any():
            total += len(part)
    assert total > 1_000 * 65_536
    assert proxy.trunks == 1


async def test_a_caller_who_goes_leaves_the_trunk_to_the_others(
    proxied: Proxied, tmp_path: Path
) -> None:
    group = proxied.group
    function = put_owned_by(group, "gateway-0", SLEEP, timeout_s=30)
    end = tmp_path / "end"
    event = {"file": str(tmp_path / "runs"), "until": str(end)}
    stays = asyncio.create_task(group.invoke("gateway-1", function.ref.name, event))
    port = group.running["gateway-1"].gateway.public_port
    with socket.create_connection(("127.0.0.1", port)) as goes:
        goes.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets
        body = json.dumps(event).encode()
        path = f"/2015-03-31/functions/{function.ref.name}/invocations"
        head = f"POST {path} HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n\r\n"
        goes.sendall(head.encode() + body)
        await wait_for_runs(tmp_path / "runs", 2)
    proxy = proxied.proxies["gateway-0"]
    await wait_until(lambda: ("to the owner", frames.CANCEL) in proxy.frames)
    end.touch()
    assert (await stays)[0] == 200
    assert proxy.trunks == 1


async def test_each_gateway_has_a_connection_of_its_own_to_the_other(proxied: Proxied) -> None:
    group = proxied.group
    for owner, asker in (("gateway-0", "gateway-1"), ("gateway-1", "gateway-0")):
        function = put_owned_by(group, owner, ECHO)
        for _ in range(3):
            assert (await group.invoke(asker, function.ref.name))[0] == 200
    assert [proxy.trunks for proxy in proxied.proxies.values()] == [1, 1]


async def test_a_gateway_of_the_release_before_sends_its_events_in_the_older_form(
    proxied: Proxied,
) -> None:
    """The frozen sender of ``release_0.relay``: signed, positional, answered alike."""
    group = proxied.group
    function = put_owned_by(group, "gateway-0", ECHO)
    meta = old_relay.encode_request(
        old_relay.RelayRequest("r-1", function.ref.namespace, function.function_name, hops=1)
    )
    body = b'{"by":"an older gateway"}'
    key = derive_key(MASTER, INTERNAL_KEY_INFO)
    signature = old_relay.sign_relay(key, meta, body, int(time.time()))
    headers = {old_relay.META_HEADER: meta, SIGNATURE_HEADER: signature}
    port = group.running["gateway-0"].gateway.internal_port
    url = f"http://127.0.0.1:{port}{old_relay.RELAY_PATH}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        assert answer.status == 200
        outcome = old_relay.decode_outcome(
            answer.headers[old_relay.OUTCOME_HEADER], await answer.read()
        )
    assert isinstance(outcome, Outcome)
    assert json.loads(outcome.payload)["event"] == {"by": "an older gateway"}
