"""Starts AWS's runtime client, with the module path in Lambda's order.

Contract: the client and all that it imports are loaded before the function's package is on the
path, so that no module of the package takes the place of one of theirs. Then the task root and the
layers come first, as site directories: their ``.pth`` files count (spec/lambda.md, section 6.3).
What fails before the client runs is reported as an init error with its traceback. Started by
``bootstrap``, and by local mode, with the handler as its argument.
"""

import os
import site
import sys
from collections.abc import Sequence

OPT_VARIABLE = "_KUBELAMBDA_OPT_ROOT"


def order_path(
    path: Sequence[str], task_root: str, layers: Sequence[str], chosen: Sequence[str]
) -> list[str]:
    """``path`` with the function first, then what its PYTHONPATH has ``chosen``, then layers."""
    first = list(dict.fromkeys([task_root, *chosen, *layers]))
    return first + [entry for entry in path if entry not in first]


def list_layer_directories(opt_root: str, version: str) -> list[str]:
    """Where layers bring modules."""
    return [f"{opt_root}/python/lib/python{version}/site-packages", f"{opt_root}/python"]


def start(arguments: Sequence[str]) -> None:
    """Load the client, open the path to the function, and hand over; ends with the process."""
    task_root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    runtime_dir = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    layers = list_layer_directories(
        os.environ.pop(OPT_VARIABLE, "/opt"), f"{sys.version_info.major}.{sys.version_info.minor}"
    )
    variable = os.environ.get("PYTHONPATH", "")
    named = [os.path.abspath(one) for one in variable.split(":") if one]  # noqa: PTH100 - as site does
    chosen = [entry for entry in named if entry != runtime_dir]
    own = [entry for entry in sys.path if entry not in chosen and entry != runtime_dir]
    sys.path[:] = [runtime_dir, *own]
    try:
        from concurrent.futures import ThreadPoolExecutor  # noqa: F401 - the client imports it late

        from awslambdaric.__main__ import main

        sys.path[:] = order_path([runtime_dir, *own], task_root, layers, chosen)
        for directory in (task_root, *layers):
            site.addsitedir(directory)
    except Exception as error:
        report(error)
        raise
    main(list(arguments))


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
