"""F9, F10, F11: functions that hang, hide, fall over or never start, and agents that are killed."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Installation
from integration.faults import raw_runtime
from integration.faults.wire import ECHO, invoke_when_free, wait_until
from kubelambda.core.model.code import InlineFiles

HANG = """
import os, signal, socket, threading, time
import raw_runtime

def note(event):
    with open(event["pids"], "a") as pids:
        pids.write(f"{os.getpid()} ")

def ignore_signals():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass

def fork(event, depth):
    if os.fork() == 0:
        os.setsid()
        if depth:
            fork(event, depth - 1)
        note(event)
        while True:
            time.sleep(60)

def handler(event, context):
    how = event["how"]
    note(event)
    if how == "clean":
        return context.aws_request_id
    if how == "ignores signals":
        ignore_signals()
    if how == "forks twice":
        ignore_signals()
        for _ in range(5):
            fork(event, 1)
    if how == "spins":
        while True:
            pass
    if how == "stops itself":
        os.kill(os.getpid(), signal.SIGSTOP)
    if how == "closes the connection to its Runtime API":
        os.closerange(3, 1_000)
    if how == "breaks its connections and asks again":
        os.closerange(3, 1_000)
        threading.Thread(target=raw_runtime.next_event).start()
    time.sleep(60)
"""


NAME_AGENT = """
import os, time
def handler(event, context):
    with open(event["at"], "w") as at:
        at.write(str(os.getppid()))
    while not os.path.exists(event["end"]):
        time.sleep(0.02)
    return "whole"
"""


def is_running(pid: int) -> bool:
    """Neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def read_pids(path: Path) -> list[int]:
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


HANGING = {
    "ignores signals": 1,
    "forks twice": 11,
    "spins": 1,
    "stops itself": 1,
    "closes the connection to its Runtime API": 1,
    "breaks its connections and asks again": 1,
}


async def hang_and_go_on(installation: Installation, scratch: Path, how: str) -> None:
    name = f"hang-{how.replace(' ', '-')}"
    module = Path(raw_runtime.__file__).read_text()
    code = InlineFiles({"app.py": HANG, "raw_runtime.py": module})
    installation.put(name, "", code=code, timeout_s=3)
    hanging, clean = scratch / f"hanging {how}", scratch / f"clean {how}"
    answer = await installation.invoke(name, {"how": how, "pids": str(hanging)})
    assert (how, answer["Payload"]["errorType"]) == (how, "Sandbox.Timedout")
    again = await installation.invoke(name, {"how": "clean", "pids": str(clean)})
    assert (how, again["Payload"]) == (how, again["ResponseMetadata"]["RequestId"])
    assert (how, len(read_pids(hanging))) == (how, HANGING[how])
    await wait_until(lambda: not any(map(is_running, read_pids(hanging))))


@pytest.mark.parametrize("some", [list(HANGING)[:3], list(HANGING)[3:]], ids=["hiding", "cut off"])
async def test_f10_what_hangs_is_killed_at_the_timeout_with_all_that_came_of_it(
    installation: Installation, tmp_path: Path, some: list[str]
) -> None:
    """F10: answered at the deadline, no process left, and the next invocation is clean."""
    await asyncio.gather(*(hang_and_go_on(installation, tmp_path, how) for how in some))


async def test_f9_a_killed_agent_is_signal_killed_for_its_event_and_for_no_other(
    installation: Installation, tmp_path: Path
) -> None:
    """F9: as where the whole container ends for want of memory; the environment is replaced."""
    for name in ("one", "other"):
        installation.put(name, NAME_AGENT, timeout_s=20)

    def begin(name: str, at: str) -> asyncio.Task[dict[str, Any]]:
        event = {"at": str(tmp_path / at), "end": str(tmp_path / "end")}
        return asyncio.create_task(installation.invoke(name, event))

    doomed = begin("one", "doomed")
    bystanders = [begin("one", "second"), begin("other", "third")]
    await wait_until(lambda: all((tmp_path / at).exists() for at in ("doomed", "second", "third")))
    await wait_until((tmp_path / "doomed").read_text)
    os.kill(int((tmp_path / "doomed").read_text()), 9)
    answer = await doomed
    (tmp_path / "end").touch()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"] == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }
    assert [(await bystander)["Payload"] for bystander in bystanders] == ["whole", "whole"]
    assert (await begin("one", "fourth"))["Payload"] == "whole"


BROKEN = {
    "an exit at import": ("import os\nos._exit(7)\n", "Runtime.ExitError", "exit status 7"),
    "a crash at import": (
        "import os\nos.kill(os.getpid(), 11)\n",
        "Runtime.ExitError",
        "segmentation fault",
    ),
    "an error at import": ("import nothing_of_the_sort\n", "Runtime.ImportModuleError", "nothing_"),
    "a syntax error": ("def handler(:\n", "Runtime.UserCodeSyntaxError", "app.py"),
    "no handler": ("x = 1\n", "Runtime.HandlerNotFound", "handler"),
    "a raise at import": ("raise OSError('not today')\n", "OSError", "not today"),
}


@pytest.mark.parametrize(("source", "error_type", "message"), BROKEN.values(), ids=BROKEN)
async def test_f11_a_function_that_cannot_begin_says_so_each_time_and_is_not_started_in_a_storm(
    installation: Installation, tmp_path: Path, source: str, error_type: str, message: str
) -> None:
    """F11: one start for the environment, one within each event, none besides."""
    starts = tmp_path / "starts"
    counted = f"open({str(starts)!r}, 'a').write('x')\n"
    handler = "app.handler" if error_type != "Runtime.UserCodeSyntaxError" else "first.handler"
    first = "import builtins\n" + counted + "from app import handler\n"
    code = InlineFiles(
        {"app.py": source if handler[0] == "f" else counted + source, "first.py": first}
    )
    values: dict[str, Any] = {"code": code, "handler": handler, "timeout_s": 20}
    installation.put("broken", "", **values, reserved_concurrency=1)
    for _ in range(2):
        answer = await invoke_when_free(installation, "broken", {})
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"]["errorType"] == error_type
        assert message in answer["Payload"]["errorMessage"]
    await asyncio.sleep(0.5)
    assert 2 <= len(starts.read_text()) <= 3


async def test_f11_a_broken_function_takes_nothing_from_its_neighbours(
    installation: Installation,
) -> None:
    installation.put("broken", "import os\nos._exit(7)\n")
    installation.put("echo", ECHO)
    failures = [asyncio.create_task(installation.invoke("broken", {})) for _ in range(5)]
    assert (await installation.invoke("echo", 1))["Payload"] == 1
    assert {(await failure)["Payload"]["errorType"] for failure in failures} == {
        "Runtime.ExitError"
    }
