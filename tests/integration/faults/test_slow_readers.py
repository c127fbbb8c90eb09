"""F14, F15: clients that do not take their answers, too many for the gateway's memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.conftest import (
    Installation,
    MakeInstallation,
    build_environments,
    make_function,
)
from integration.faults.lone_gateway import LoneGateway
from integration.faults.wire import (
    BIG,
    count_held,
    dial,
    encode_request,
    read_all,
    split_answers,
    wait_until,
)
from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.wire.demand import DemandReport, FunctionDemand
from kubelambda.core.wire.frames import WINDOW_BYTES

STREAM = """
import http.client, os
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = connection.getresponse()
    request, path = answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.read().decode()[1:-1]
    def write():
        with open(path, "wb", buffering=0) as written:
            for _ in range(1_000):
                yield b"x" * 65_536
                written.write(b"x" * 65_536)
    headers = {"Lambda-Runtime-Function-Response-Mode": "streaming"}
    path_of_response = f"/2018-06-01/runtime/invocation/{request}/response"
    connection.request("POST", path_of_response, write(), headers, encode_chunked=True)
    connection.getresponse().read()
"""
ANSWER_BYTES = 6_000_002
ROOM_BYTES = 33_554_432
HELD = 'kubelambda_gateway_held_bytes{kind="answers"}'
CUT = 'kubelambda_gateway_clients_cut_total{reason="room"}'


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[LoneGateway]:
    """A process of its own with room for five answers, and one environment of ``big``."""
    one = LoneGateway.start(tmp_path, "big", BIG, answers_bytes_max=ROOM_BYTES)
    function = make_function("big", BIG)
    index = FunctionIndex()
    index.put(function)
    environments = build_environments(index, tmp_path)
    environments.gateway_address = f"127.0.0.1:{one.internal_port}"
    wanted = FunctionDemand("default", "big", function.uid, waiting=1)
    await environments.report(DemandReport("gateway-0", 1, (wanted,)))
    try:
        yield one
    finally:
        await environments.close()
        one.close()


async def test_f15_a_hundred_clients_that_do_not_read_their_answers_do_not_fill_the_memory(
    gateway: LoneGateway, tmp_path: Path
) -> None:
    """F14, F15: 600 MB of answers for nobody; who reads his is served all the while."""
    runs = tmp_path / "runs"
    request = encode_request("big", body=f'"{runs}"'.encode())
    last = encode_request("big", b"Connection: close", body=f'"{runs}"'.encode())

    async def ask() -> list[tuple[int, int]]:
        async with dial(gateway.port) as (reader, writer):
            writer.write(last)
            answers = split_answers(await read_all(reader))
        return [(status, len(body)) for status, _, body in answers]

    assert await ask() == [(200, ANSWER_BYTES)]
    gateway.forget_peak()
    async with contextlib.AsyncExitStack() as clients:
        for number in range(1, 101):
            _, writer = await clients.enter_async_context(dial(gateway.port, receive_buffer=4_096))
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(request)
            await wait_until(lambda wanted=number + 1: runs.stat().st_size == wanted)
        assert await ask() == [(200, ANSWER_BYTES)]
        held = await asyncio.to_thread(gateway.read_metric, HELD)
        assert ANSWER_BYTES < held <= ROOM_BYTES
        assert await asyncio.to_thread(gateway.read_metric, CUT) >= 90
    assert gateway.grown_mb() < 100


async def test_f14_a_client_that_reads_well_is_not_cut_for_those_that_do_not(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """F14: it came before them, so their answers wait beside its own."""
    installation = await make_installation(answers_bytes_max=15_000_000)
    installation.put("big", BIG, timeout_s=30)
    runs = tmp_path / "runs"
    request = encode_request("big", b"Connection: close", body=f'"{runs}"'.encode())
    port, received = installation.gateway.public_port, b""
    async with contextlib.AsyncExitStack() as clients:
        reader, writer = await clients.enter_async_context(dial(port, receive_buffer=65_536))
        writer.write(request)
        for number in range(1, 7):
            await wait_until(lambda wanted=number: runs.exists() and runs.stat().st_size == wanted)
            for _ in range(8):
                received += await reader.read(65_536)
                await asyncio.sleep(0.05)
            _, other = await clients.enter_async_context(dial(port, receive_buffer=4_096))
            other.transport.pause_reading()  # type: ignore[attr-defined]
            other.write(request)
        assert len(received) < ANSWER_BYTES
        received += await read_all(reader)
    ((status, _, body),) = split_answers(received)
    assert (status, len(body)) == (200, ANSWER_BYTES)


async def test_f14_a_stream_that_is_not_read_waits_in_the_function_not_in_the_gateway(
    installation: Installation, tmp_path: Path
) -> None:
    """F14: of 65 MB no more is held for the client than the window of the link."""
    installation.put("stream", STREAM, timeout_s=30)
    written = tmp_path / "written"
    request = encode_request("stream", body=f'"{written}"'.encode()).replace(
        b"/2015-03-31/functions/stream/invocations",
        b"/2021-11-15/functions/stream/response-streaming-invocations",
    )
    async with dial(installation.gateway.public_port, receive_buffer=4_096) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request)
        await wait_until(lambda: count_held(installation) > 0)
        await asyncio.sleep(1)
        assert 0 < count_held(installation) <= 2 * WINDOW_BYTES
        assert written.stat().st_size < 16_000_000
    await wait_until(lambda: count_held(installation) == 0)
