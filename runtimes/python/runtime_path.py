"""Starts AWS's runtime client, with the module path in Lambda's order.

Contract: the client and all that it imports are loaded before the function's package is on the
path, so that no module of the package takes the place of one of theirs. Then the task root and the
layers come first, as site directories: their ``.pth`` files count (spec/lambda.md, section 6.3).
What fails before the client runs is reported as an init error with its traceback. The client waits
for events in the main thread as long as no function could tell that from waiting in a thread of its
own. Started by ``bootstrap``, and by local mode, with the handler as its argument.
"""

import _thread
import os
import signal
import site
import sys
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType

OPT_VARIABLE = "_KUBELAMBDA_OPT_ROOT"
THREAD_VARIABLE = "KUBELAMBDA_PYTHON_POLLING_THREAD"
"""Set and not empty: a thread for each event, as AWS's client does it from Python 3.12 on."""

GLIBCS_OWN = 1 << 31 | 1 << 32
"""Signals 32 and 33, which glibc handles for its threads; programs cannot have them."""


def order_path(
    path: Sequence[str], task_root: str, layers: Sequence[str], chosen: Sequence[str]
) -> list[str]:
    """``path`` with the function first, then what its PYTHONPATH has ``chosen``, then layers."""
    first = list(dict.fromkeys([task_root, *chosen, *layers]))
    return first + [entry for entry in path if entry not in first]


def list_layer_directories(opt_root: str, running: str, asked: str) -> list[str]:
    """Where layers bring modules: for the Python that runs, and for the one that was asked for.

    They differ in local mode only, where modules without native parts serve both.
    """
    versions = dict.fromkeys(version for version in (running, asked) if version)
    directories = [f"{opt_root}/python/lib/python{version}/site-packages" for version in versions]
    return [*directories, f"{opt_root}/python"]


def start(arguments: Sequence[str]) -> None:
    """Load the client, open the path to the function, and hand over; ends with the process."""
    task_root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    runtime_dir = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    layers = list_layer_directories(
        os.environ.pop(OPT_VARIABLE, "/opt"),
        f"{sys.version_info.major}.{sys.version_info.minor}",
        os.environ.get("AWS_EXECUTION_ENV", "").removeprefix("AWS_Lambda_python"),
    )
    variable = os.environ.get("PYTHONPATH", "")
    named = [os.path.abspath(one) for one in variable.split(":") if one]  # noqa: PTH100 - as site does
    chosen = [entry for entry in named if entry != runtime_dir]
    own = [entry for entry in sys.path if entry not in chosen and entry != runtime_dir]
    sys.path[:] = [runtime_dir, *own]
    try:
        import concurrent.futures.thread  # noqa: F401 - the client loads it when the path is open

        from awslambdaric.__main__ import main
        from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

        post_without(LambdaRuntimeClient, [task_root, *chosen, *layers])
        if not os.environ.get(THREAD_VARIABLE):
            wait_in_main_thread(LambdaRuntimeClient, needs_thread)
        sys.path[:] = order_path([runtime_dir, *own], task_root, layers, chosen)
        for directory in (task_root, *layers):
            site.addsitedir(directory)
    except Exception as error:
        report(error)
        raise
    main(list(arguments))


def post_without(client: type, directories: Sequence[str]) -> None:
    """Have ``client`` post an init error, the last thing that it does, with its own modules.

    It imports http only then, since that takes 40 ms, and http imports what the package may name.
    """
    post = client.post_init_error

    def post_init_error(self, *given):
        sys.path[:] = [entry for entry in sys.path if entry not in directories]
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            is_librarys = name.partition(".")[0] in sys.stdlib_module_names
            if is_librarys and file.startswith(tuple(f"{one}/" for one in directories)):
                del sys.modules[name]
        post(self, *given)

    client.post_init_error = post_init_error


def wait_in_main_thread(client: type, needs_thread: Callable[[], bool]) -> None:
    """Have ``client`` start a thread to wait for an event only where ``needs_thread``.

    From Python 3.12 on it starts one for each event, two thirds of what an event costs it, so that
    the main thread, which alone runs Python's signal handlers, can run them meanwhile.
    """
    wait = client.wait_next_invocation

    def wait_next_invocation(self):
        if not self.use_thread_for_polling_next or needs_thread():
            return wait(self)
        self.use_thread_for_polling_next = False
        try:
            return wait(self)
        finally:
            self.use_thread_for_polling_next = True

    client.wait_next_invocation = wait_next_invocation


def needs_thread() -> bool:
    """Whether anything could run in the main thread while a thread of its own waits for an event.

    These are handlers of signals, whoever has set them (the kernel is asked, since a C library can
    have one that Python does not know of), and other greenlets where those replace threads.
    """
    if not isinstance(_thread.start_new_thread, BuiltinFunctionType):
        return True  # it is gevent's or eventlet's
    try:
        caught = read_caught_signals()
    except Exception:  # noqa: BLE001 - no /proc, no descriptor left, or what an audit hook raises
        return True
    own = GLIBCS_OWN
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        own |= 1 << (signal.SIGINT - 1)  # KeyboardInterrupt: either way the next event ends by it
    return caught & ~own != 0


def read_caught_signals() -> int:
    """The signals that this process has handlers of, as a mask: bit 0 is signal 1."""
    descriptor = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.read(descriptor, 16_384)
    finally:
        os.close(descriptor)
    return int(status.partition(b"\nSigCgt:")[2].split(maxsplit=1)[0], 16)


def report(error: Exception) -> None:
    """Tell the Runtime API why the init failed, in the words of AWS's client."""
    import http.client
    import json
    import traceback

    body = {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": "",
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
    headers = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Function-Error-Type": body["errorType"],
    }
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request("POST", "/2018-06-01/runtime/init/error", json.dumps(body), headers)
    connection.getresponse().read()


if __name__ == "__main__":
    start(sys.argv)
