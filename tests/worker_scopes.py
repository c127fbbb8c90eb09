"""Which tests share a worker when pytest has several (``pytest -n 3``), and which are begun first.

Contract: tests that share what takes its time to make (a local mode and a row of languages, a
function that is idle for 25 seconds) run in one worker, one after the other; so do the tests of one
file of ``tests/unit``, since handing them out one by one would cost more than it saves. Every other
test goes to whichever worker is free. What takes longest is begun first, so that no worker is left
with it at the end. Nothing that a test makes has a fixed name or port.
"""

import re

import pytest

RUNTIMES = "tests/conformance/runtimes/"
LAMBDA_API = "tests/conformance/lambda_api/"
UNIT = "tests/unit/"
ROW = re.compile(r"\[(?:.*-)?(dotnet|go|java|nodejs|nodejs24|provided|python|ruby)(?:[-:].*)?\]$")
ORDER = ("tests/integration/test_wheel", LAMBDA_API, RUNTIMES, "tests/integration/", "", UNIT)
"""Beginnings of the ids of tests: those that are begun first, and so on."""


def find_scope(nodeid: str) -> str:
    """What must share a worker has the same scope."""
    if nodeid.startswith(RUNTIMES) and (row := ROW.search(nodeid)):
        return RUNTIMES + row[1]
    if nodeid.startswith(LAMBDA_API):
        return LAMBDA_API
    return nodeid.partition("::")[0] if nodeid.startswith(UNIT) else nodeid


def find_place(nodeid: str) -> int:
    """The lower, the earlier it is begun."""
    fitting = [prefix for prefix in ORDER if nodeid.startswith(prefix)]
    return ORDER.index(max(fitting, key=len))


def order_tests(items: list[pytest.Item]) -> None:
    """What takes longest comes first; otherwise the order stays."""
    items.sort(key=lambda item: find_place(item.nodeid))
