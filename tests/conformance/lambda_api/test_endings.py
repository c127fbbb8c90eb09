"""How an invocation can end, and that the next one is clean: spec 2.5; appendix C, 6 and 7."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance.lambda_api.invoker import ONE_ENVIRONMENT, Answer, Invoker

# One test here asks for it; it begins with the first.
pytestmark = pytest.mark.usefixtures("slow")

RESPONSE_BYTES_MAX = 6_291_556
NO_MEMORY_LIMIT = "local mode has no memory limit, so nothing is killed for memory"

EXITED = "Runtime.ExitError"
ENDINGS = {
    "exit 0": (
        {"ending": "exit", "status": 0},
        EXITED,
        "Runtime exited without providing a reason",
    ),
    "exit 3": (
        {"ending": "exit", "status": 3},
        EXITED,
        "Runtime exited with error: exit status 3",
    ),
    "SIGKILL": ({"ending": "kill"}, EXITED, "Runtime exited with error: signal: killed"),
    "SIGSEGV": (
        {"ending": "segfault"},
        EXITED,
        "Runtime exited with error: signal: segmentation fault",
    ),
    "endless loop": ({"ending": "loop"}, "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
    "sleep": (
        {"ending": "sleep", "seconds": 60},
        "Sandbox.Timedout",
        "Task timed out after 2.00 seconds",
    ),
}


def test_6_the_largest_response_passes_and_one_byte_more_fails(invoker: Invoker) -> None:
    arn = invoker.put("echo", timeout=30, memorySize=1024)
    event = {"asked": "length", "length": RESPONSE_BYTES_MAX - 2}
    answer = invoker(arn, event)
    assert (answer.is_error, len(answer.payload)) == (False, RESPONSE_BYTES_MAX)
    answer = invoker(arn, event | {"length": RESPONSE_BYTES_MAX - 1})
    assert answer.is_error
    assert answer.value == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert invoker(arn, {"asked": "length", "length": 1}).value == "z"


@pytest.mark.parametrize("case", ENDINGS)
def test_7_an_ending_has_its_payload_keeps_tmp_and_the_next_call_works(
    invoker: Invoker, case: str
) -> None:
    event, error_type, message = ENDINGS[case]
    arn = invoker.put("endings", timeout=2, memorySize=512, **ONE_ENVIRONMENT)
    before = invoker(arn, {"ending": "none"}).value
    answer = invoker.call_when_free(arn, event)
    assert answer.is_error
    assert answer.value == {
        "errorType": error_type,
        "errorMessage": f"RequestId: {answer.request_id} Error: {message}",
    }
    after = invoker.call_when_free(arn, {"ending": "none"}).value
    assert (before["mark"], after["mark"]) == (False, True)


@pytest.mark.impossible(local=NO_MEMORY_LIMIT)
def test_7_an_oom_kill_is_signal_killed_and_the_next_call_works(invoker: Invoker) -> None:
    """F9: the same payload whether the kernel kills the runtime or the whole container."""
    arn = invoker.put("endings", timeout=30, memorySize=128)
    answer = invoker(arn, {"ending": "memory"})
    assert answer.is_error
    assert answer.value == {
        "errorType": EXITED,
        "errorMessage": f"RequestId: {answer.request_id} Error: "
        "Runtime exited with error: signal: killed",
    }
    assert invoker(arn, {"ending": "none"}).value["pid"] > 0


def test_7_an_exception_is_the_clients_json_and_the_environment_stays(invoker: Invoker) -> None:
    arn = invoker.put("endings", **ONE_ENVIRONMENT)
    before = invoker(arn, {"ending": "none"}).value
    answer = invoker.call_when_free(arn, {"ending": "raise"})
    assert answer.is_error
    assert list(answer.value) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert answer.value["errorMessage"] == "no"
    assert answer.value["errorType"] == "Refused"
    assert answer.value["requestId"] == answer.request_id
    assert invoker.call_when_free(arn, {"ending": "none"}).value["pid"] == before["pid"]


def test_7_a_result_that_is_no_json_is_a_marshal_error(invoker: Invoker) -> None:
    answer = invoker(invoker.put("endings"), {"ending": "object"})
    assert answer.is_error
    assert answer.value["errorType"] == "Runtime.MarshalError"


def test_7_an_exception_at_init_is_what_the_runtime_posted(invoker: Invoker) -> None:
    arn = invoker.put("init_raises")
    for _ in range(2):
        answer = invoker(arn)
        assert answer.is_error
        assert answer.value["errorType"] == "ValueError"
        assert answer.value["errorMessage"] == "not today"
        assert answer.value["requestId"] == ""


def test_7_an_exit_at_init_is_an_exit_error(invoker: Invoker) -> None:
    arn = invoker.put("init_exits")
    answer = invoker(arn)
    assert answer.is_error
    assert answer.value == {
        "errorType": EXITED,
        "errorMessage": f"RequestId: {answer.request_id} Error: "
        "Runtime exited with error: exit status 7",
    }


def test_7_an_init_that_failed_is_tried_again_inside_the_invocation(invoker: Invoker) -> None:
    answer = invoker(invoker.put("init_fails_once"), LogType="Tail")
    assert answer.value == "second start"


@pytest.mark.timeout(120)
def test_7_an_init_of_11_seconds_is_cut_and_done_again_inside_the_invocation(
    slow: Callable[[str], Answer],
) -> None:
    """The line of the init that was cut is waited for by ``slow``, while the environment lives."""
    answer = slow("init of 11 s")
    assert answer.value == "begun"
    assert "Init Duration" not in answer.tail.split("REPORT")[1]


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (
            "absent.handler",
            (
                "Runtime.ImportModuleError",
                "Unable to import module 'absent': No module named 'absent'",
            ),
        ),
        ("app.absent", ("Runtime.HandlerNotFound", "Handler 'absent' missing on module 'app'")),
        ("nodots", ("Runtime.MalformedHandlerName", "Bad handler 'nodots'")),
    ],
)
def test_7_a_handler_that_is_missing_is_named(
    invoker: Invoker, handler: str, error: tuple[str, str]
) -> None:
    """F11: at once, with a clear error."""
    answer: Answer = invoker(invoker.put("echo", handler=handler))
    value: dict[str, Any] = answer.value
    assert answer.is_error
    assert value["errorType"] == error[0]
    assert value["errorMessage"].startswith(error[1])
