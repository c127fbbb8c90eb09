"""Two and three gateways: ownership, forwarding, redirects, and what a change does."""

import asyncio
import base64
import json
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botocore.eventstream import EventStreamBuffer

from integration.gateways import SLEEP, Gateways, count_outcomes
from kubelambda.core.model.function import Function
from ports import free_port

ECHO = """
import os
def handler(event, context):
    return {"event": event, "request": context.aws_request_id, "pid": os.getpid()}
"""
FAIL = "def handler(event, context):\n    raise ValueError('no')\n"


@pytest.fixture
async def gateways(tmp_path: Path) -> AsyncIterator[Gateways]:
    group = Gateways(tmp_path / "state")
    yield group
    await group.close()


async def start(gateways: Gateways, count: int) -> None:
    for number in range(count):
        await gateways.add(f"gateway-{number}")


def put_owned_by(gateways: Gateways, owner: str, source: str, **changes: object) -> Function:
    """A function whose name makes ``owner`` its owner."""
    for number in range(1_000):
        function = gateways.put(f"on-{owner}-{number}", source, **changes)
        if gateways.owner_of(function) == owner:
            return function
        gateways.index.remove(function.ref)
    raise AssertionError(f"no name of a thousand belongs to {owner}")


@pytest.mark.parametrize("count", [2, 3])
async def test_every_gateway_serves_every_function(gateways: Gateways, count: int) -> None:
    """One environment serves whoever asks, by whichever gateway: the owner has them all."""
    await start(gateways, count)
    functions = [put_owned_by(gateways, name, ECHO) for name in list(gateways.running)]
    for function in functions:
        pids = set()
        for name in gateways.running:
            status, answer = await gateways.invoke(name, function.ref.name, {"by": name})
            assert (status, answer["event"]) == (200, {"by": name})
            pids.add(answer["pid"])
        assert len(pids) == 1


async def test_a_forwarded_answer_is_the_owners_to_the_byte(gateways: Gateways) -> None:
    """Errors, tail, request id, trace header and throttles pass a second gateway unchanged."""
    await start(gateways, 2)
    function = put_owned_by(gateways, "gateway-0", FAIL)
    headers = {"X-Amz-Log-Type": "Tail", "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a9"}
    answers = [
        await gateways.send(name, function.ref.name, b"{}", headers)
        for name in ("gateway-0", "gateway-1")
    ]
    for status, given, body in answers:
        assert status == 200
        assert given["X-Amz-Function-Error"] == "Unhandled"
        assert json.loads(body)["errorType"] == "ValueError"
        tail = base64.b64decode(given["X-Amz-Log-Result"]).decode()
        assert f"REPORT RequestId: {given['x-amzn-RequestId']}" in tail
        assert given["X-Amzn-Trace-Id"] == headers["X-Amzn-Trace-Id"]
    assert set(answers[0][1]) == set(answers[1][1])


async def test_six_megabytes_pass_a_second_gateway_both_ways(gateways: Gateways) -> None:
    await start(gateways, 2)
    source = "def handler(event, context):\n    return event\n"
    function = put_owned_by(gateways, "gateway-0", source)
    payload = json.dumps("x" * (6_291_456 - 2)).encode()
    status, _, body = await gateways.send("gateway-1", function.ref.name, payload)
    assert status == 200
    assert body == payload
    status, given, _ = await gateways.send("gateway-1", function.ref.name, payload + b" ")
    assert status == 413
    assert given["x-amzn-ErrorType"] == "RequestEntityTooLargeException"


STREAM = """
import http.client, os
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = connection.getresponse()
    request, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], int(answer.read())
    path = f"/2018-06-01/runtime/invocation/{request}/response"
    headers = {"Lambda-Runtime-Function-Response-Mode": "streaming"}
    pieces = (b"x" * 65_536 for _ in range(event))
    connection.request("POST", path, pieces, headers, encode_chunked=True)
    connection.getresponse().read()
"""
STREAM_PATH = "/2021-11-15/functions/{name}/response-streaming-invocations"


async def test_a_stream_passes_a_second_gateway(gateways: Gateways) -> None:
    """More than a buffered response can hold; refusals before it are ordinary answers."""
    await start(gateways, 2)
    function = put_owned_by(gateways, "gateway-0", STREAM, timeout_s=30)
    for name in ("gateway-0", "gateway-1"):
        status, headers, body = await gateways.send(
            name, function.ref.name, b"160", path=STREAM_PATH
        )
        assert (status, headers["Content-Type"]) == (200, "application/vnd.amazon.eventstream")
        events = EventStreamBuffer()
        events.add_data(body)
        *chunks, end = list(events)
        assert sum(len(chunk.payload) for chunk in chunks) == 160 * 65_536
        assert (end.headers[":event-type"], end.payload) == ("InvokeComplete", b"{}")
    blocked = put_owned_by(gateways, "gateway-0", STREAM, reserved_concurrency=0)
    status, headers, _ = await gateways.send("gateway-1", blocked.ref.name, b"1", path=STREAM_PATH)
    assert (status, headers["x-amzn-ErrorType"]) == (429, "TooManyRequestsException")


@pytest.mark.parametrize("count", [2, 3])
async def test_a_reservation_holds_over_all_gateways(
    gateways: Gateways, count: int, tmp_path: Path
) -> None:
    """P7: the limit is the function's, not each gateway's; a throttle comes at once."""
    await start(gateways, count)
    function = gateways.put("limited", SLEEP, reserved_concurrency=2, timeout_s=30)
    end = tmp_path / "end"
    event = {"file": str(tmp_path / "runs"), "until": str(end)}
    asked = [
        asyncio.create_task(gateways.invoke(name, function.ref.name, event))
        for name in list(gateways.running) * 3
    ]
    for _, answer in zip(range(3 * count - 2), asyncio.as_completed(asked), strict=False):
        status, throttle = await answer
        assert status == 429
        assert throttle["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    end.touch()
    assert count_outcomes(await asyncio.gather(*asked)) == {200: 2, 429: 3 * count - 2}


async def test_a_new_gateway_takes_its_share_with_the_environments(gateways: Gateways) -> None:
    """Scaled up under load, nothing fails, and warm environments find their new owner."""
    await start(gateways, 1)
    functions = [gateways.put(f"moved-{number}", ECHO) for number in range(8)]
    for function in functions:
        assert (await gateways.invoke("gateway-0", function.ref.name))[0] == 200
    before = {
        function.ref: (await gateways.invoke("gateway-0", function.ref.name))[1]["pid"]
        for function in functions
    }
    load = asyncio.create_task(_load(gateways, functions, ["gateway-0"], 4.0))
    await asyncio.sleep(0.5)
    await gateways.add("gateway-1")
    await gateways.add("gateway-2")
    assert set(count_outcomes(await load)) == {200}
    owners = {gateways.owner_of(function) for function in functions}
    assert len(owners) > 1
    for function in functions:
        status, answer = await gateways.invoke("gateway-2", function.ref.name)
        assert (status, answer["pid"]) == (200, before[function.ref])


async def test_environments_find_a_gateway_again_after_all_were_restarted(
    gateways: Gateways,
) -> None:
    """Nobody is left who knows the epoch that the agents have obeyed; none is started anew."""
    port = free_port()
    await gateways.add("gateway-0", internal_port=port)
    function = gateways.put("stays", ECHO)
    before = (await gateways.invoke("gateway-0", function.ref.name))[1]["pid"]
    epoch = gateways.running["gateway-0"].gateway.view.epoch
    await gateways.remove("gateway-0")
    await gateways.add("gateway-0", internal_port=port)
    assert gateways.running["gateway-0"].gateway.view.epoch > epoch
    assert (await gateways.invoke("gateway-0", function.ref.name))[1]["pid"] == before


async def test_a_gateway_that_leaves_loses_nothing(gateways: Gateways, tmp_path: Path) -> None:
    """P5: running events finish on it, later ones go elsewhere, none is refused."""
    await start(gateways, 3)
    slow = put_owned_by(gateways, "gateway-2", SLEEP, timeout_s=30)
    functions = [gateways.put(f"echo-{number}", ECHO) for number in range(6)]
    event = {"seconds": 2, "file": str(tmp_path / "runs")}
    for function in functions:
        await gateways.invoke("gateway-0", function.ref.name)
    running = asyncio.create_task(gateways.invoke("gateway-2", slow.ref.name, event))
    through_other = asyncio.create_task(gateways.invoke("gateway-1", slow.ref.name, event))
    load = asyncio.create_task(_load(gateways, functions, ["gateway-0", "gateway-1"], 4.0))
    await asyncio.sleep(1.0)
    await gateways.remove("gateway-2")
    assert (await running)[0] == 200
    assert (await through_other)[0] == 200
    assert set(count_outcomes(await load)) == {200}
    assert gateways.owner_of(slow) != "gateway-2"
    assert (await gateways.invoke("gateway-1", slow.ref.name, event | {"seconds": 0}))[0] == 200
    assert len((tmp_path / "runs").read_text().split()) == 3


async def test_a_caller_that_leaves_takes_its_request_from_the_owners_queue(
    gateways: Gateways,
) -> None:
    """Also by way of another gateway: nobody starts an environment for it, and it never runs."""
    await gateways.add("a")
    await gateways.add("b")
    function = gateways.put("never", "", runtime="absent1.0")
    owner = gateways.owner_of(function)
    other = gateways.other_than(owner)
    port = gateways.running[other].gateway.public_port
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets
        caller.sendall(b"POST /2015-03-31/functions/never/invocations HTTP/1.1\r\nHost: g\r\n\r\n")
        await wait_for_waiting(gateways, owner, 1)
    await wait_for_waiting(gateways, owner, 0)


async def wait_for_waiting(gateways: Gateways, owner: str, count: int) -> None:
    async with asyncio.timeout(60):
        while sum(gateways.waiting_at(owner).values()) != count:
            await asyncio.sleep(0.02)


async def test_a_request_that_waits_follows_its_function(gateways: Gateways) -> None:
    """A cold start that begins on one gateway ends on the next owner, without a 5xx."""
    await start(gateways, 2)
    function = put_owned_by(gateways, "gateway-1", "import time\ntime.sleep(2)\n" + ECHO)
    waiting = [
        asyncio.create_task(gateways.invoke(name, function.ref.name))
        for name in ("gateway-0", "gateway-1")
    ]
    await asyncio.sleep(0.5)
    await gateways.remove("gateway-1")
    assert [(await answer)[0] for answer in waiting] == [200, 200]


async def test_a_request_to_a_gateway_that_is_leaving_is_the_last_of_its_connection(
    gateways: Gateways,
) -> None:
    await gateways.add("gateway-0")
    await gateways.add("gateway-1", linger_s=6.0)  # time enough for the request on a busy machine
    function = put_owned_by(gateways, "gateway-0", ECHO)
    leaving = gateways.running["gateway-1"]
    await gateways.invoke("gateway-1", function.ref.name)
    leaving.stop.set()
    await asyncio.sleep(0.5)
    status, given, _ = await gateways.send("gateway-1", function.ref.name, b"{}")
    assert status == 200
    assert given["Connection"] == "close"


async def test_the_only_gateway_refuses_connections_before_its_address_goes(
    gateways: Gateways,
) -> None:
    """Clients are still sent to it: refused at once they repeat, swallowed in silence they hang."""
    await gateways.add("gateway-0", linger_s=1.0)
    leaving = gateways.running["gateway-0"]
    leaving.stop.set()
    async with asyncio.timeout(60):
        while await _takes_connections(leaving.gateway.public_port):
            await asyncio.sleep(0.01)
    assert not leaving.task.done()
    await leaving.task


async def _takes_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True  # the listener closed while the kernel was accepting: ask again
    writer.close()
    return True


async def _load(
    gateways: Gateways, functions: list[Function], by: list[str], seconds: float
) -> list[tuple[int, object]]:
    """Closed-loop load of one client per function; all answers."""
    end = asyncio.get_running_loop().time() + seconds

    async def ask(function: Function) -> list[tuple[int, object]]:
        answers = []
        while asyncio.get_running_loop().time() < end:
            gateway = by[len(answers) % len(by)]
            answers.append(await gateways.invoke(gateway, function.ref.name))
        return answers

    asked = await asyncio.gather(*(ask(function) for function in functions))
    return [answer for answers in asked for answer in answers]
