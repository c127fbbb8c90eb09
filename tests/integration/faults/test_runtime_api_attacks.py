"""F24: functions that attack the Runtime API of their own agent."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Installation
from integration.faults import raw_runtime
from integration.faults.wire import ECHO, invoke_when_free
from kubelambda.core.model.code import InlineFiles

ATTACK = """
import os, socket, threading, time
import raw_runtime as raw

def post(path, *headers, body=b'"stolen"'):
    return raw.call(raw.encode_post(path, body, *headers))[0].split(" ")[1:2]

def answer_others(event, context):
    ids = event["ids"]
    paths = [f"invocation/{name}/{verb}" for name in ids for verb in ("response", "error")]
    return [post(path) for path in [*paths, "init/error"]]

def answer_twice(event, context):
    mine = f"invocation/{context.aws_request_id}/"
    return [post(mine + verb) for verb in ("response", "response", "error")]

def ask_a_thousand_times(event, context):
    asked = []
    for _ in range(1_000):
        try:
            connection = raw.dial()
            connection.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n\\r\\n")
            asked.append(connection)
        except OSError:
            pass
    time.sleep(0.2)
    return len(asked)

def speak_nonsense(event, context):
    nonsense = [
        bytes(range(256)) * 100,
        b"\\r\\n" * 1_000,
        b"\\x16\\x03\\x01" + bytes(500),
        b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n",
        b"GET /\\r\\n\\r\\n",
        b"\\x00" * 100_000,
    ]
    return [raw.call(request)[0].split(" ")[1:2] for request in nonsense]

def send_huge_heads(event, context):
    first = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n"
    long = b"x" * 2_000_000
    heads = [first + b"A: " + long, first + b"A: b\\r\\n" * 1_000, b"GET /" + long]
    return [raw.call(head + b"\\r\\n\\r\\n")[0].split(" ")[1:2] for head in heads]

kept = []

def leave_heads_and_bodies_open(event, context):
    mine = f"invocation/{context.aws_request_id}/response"
    for text in (b"GET /2018", raw.encode_post("init/error", b"x" * 100)[:-1]):
        for _ in range(50):
            connection = raw.dial()
            connection.sendall(text)
            kept.append(connection)
    return "done"

def answer_too_late(event, context):
    end = time.time() + context.get_remaining_time_in_millis() / 1000
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            time.sleep(max(0, end - time.time()))
            while True:
                post(f"invocation/{context.aws_request_id}/response")
    time.sleep(60)

def handler(event, context):
    if isinstance(event, dict) and "attack" in event:
        return globals()[event["attack"]](event, context)
    return event
"""


@pytest.fixture
def attacked(installation: Installation) -> Installation:
    module = Path(raw_runtime.__file__).read_text()
    code = InlineFiles({"app.py": ATTACK, "raw_runtime.py": module})
    installation.put("attacker", "", code=code, timeout_s=5, reserved_concurrency=1)
    installation.put("late", "", code=code, timeout_s=1)
    installation.put("good", ECHO)
    return installation


async def attack(installation: Installation, attack: str, **event: Any) -> dict[str, Any]:
    """The attack's own answer; a good function and the attacker's next event are clean."""
    attacking = asyncio.create_task(
        installation.invoke("attacker", {"attack": attack, **event}, LogType="Tail")
    )
    good = [(await installation.invoke("good", n))["Payload"] for n in range(5)]
    answer = await attacking
    assert good == list(range(5))
    for n in range(3):
        assert (await invoke_when_free(installation, "attacker", n))["Payload"] == n
    return answer


async def test_f24_a_result_for_another_event_reaches_nobody(attacked: Installation) -> None:
    """F24: the request id must be that of the event in flight."""
    former = (await attacked.invoke("attacker", 1))["ResponseMetadata"]["RequestId"]
    others = (await attacked.invoke("good", 1))["ResponseMetadata"]["RequestId"]
    ids = [former, others, "00000000-0000-0000-0000-000000000000", "..", "%2e", "a/b", "*"]
    answer = await attack(attacked, "answer_others", ids=ids)
    statuses = [status for (status,) in answer["Payload"]]
    assert set(statuses) <= {"400", "403", "404"}


async def test_f24_of_two_results_the_first_counts(attacked: Installation) -> None:
    answer = await attack(attacked, "answer_twice")
    assert answer["Payload"] == "stolen"


async def test_f24_a_thousand_calls_of_next_leave_no_trace(attacked: Installation) -> None:
    answer = await attack(attacked, "ask_a_thousand_times")
    assert "FunctionError" not in answer


async def test_f24_nonsense_is_refused_or_passed_over(attacked: Installation) -> None:
    answer = await attack(attacked, "speak_nonsense")
    assert {status[0] for status in answer["Payload"] if status} == {"400"}


async def test_f24_heads_have_a_limit(attacked: Installation) -> None:
    answer = await attack(attacked, "send_huge_heads")
    assert {status[0] for status in answer["Payload"] if status} <= {"431"}


async def test_f24_open_heads_and_bodies_hold_up_nobody(attacked: Installation) -> None:
    answer = await attack(attacked, "leave_heads_and_bodies_open")
    assert answer["Payload"] == "done"


async def test_f24_a_result_after_the_timeout_reaches_nobody(attacked: Installation) -> None:
    """F24: not its own caller, nor that of the next event."""
    answer = await attacked.invoke("late", {"attack": "answer_too_late"})
    assert answer["Payload"]["errorType"] == "Sandbox.Timedout"
    for n in range(3):
        assert (await attacked.invoke("late", n))["Payload"] == n


async def test_f24_the_runtime_api_listens_on_loopback_only(installation: Installation) -> None:
    """F24: neither other addresses of this machine nor other loopback addresses reach it."""
    source = "import os\ndef handler(e, c):\n    return os.environ['AWS_LAMBDA_RUNTIME_API']\n"
    installation.put("where", source)
    host, _, port = (await installation.invoke("where"))["Payload"].rpartition(":")
    assert host == "127.0.0.1"
    own = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None)}
    for other in (own | {"127.0.0.2", "::1"}) - {"127.0.0.1"}:
        with pytest.raises(OSError):  # noqa: PT011  # refused or no such address
            socket.create_connection((other, int(port)), timeout=2).close()
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    bound = [line.split()[1] for line in listening if line.split()[3] == "0A"]
    assert f"0100007F:{int(port):04X}" in bound
    assert json.dumps(bound).count(f":{int(port):04X}") == 1
