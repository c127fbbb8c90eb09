"""Hundreds of functions in one `kubectl apply`: nobody else's cold start waits for them."""

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.functions import Functions, build_function
from e2e.kubectl import Kubectl

pytestmark = pytest.mark.alone

COUNT = 300
logger = logging.getLogger(__name__)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_functions_applied_at_once_delay_no_cold_start(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    """Nothing is made for a function that nobody calls; the one that is called starts as ever."""
    usual = cold_start_s(functions, functions.apply(build_function("usual")))
    kubectl.apply(
        *(build_function(f"many-{number}") for number in range(COUNT)),
        namespace=functions.namespace,
    )
    arn = functions.apply(build_function("one-more"))
    took = [cold_start_s(functions, arn)]
    took += [cold_start_s(functions, arn.replace("one-more", f"many-{n}")) for n in (0, 150, 299)]
    logger.info("a cold start: usually %.1f s; behind %d functions %s", usual, COUNT, took)
    wait_until(lambda: count_ready(kubectl, functions.namespace) >= COUNT, "all are Ready", 120)
    called = 5
    workloads = kubectl.items("replicasets,pods", functions.namespace)
    assert len(workloads) <= 2 * called, "something was made for functions that nobody called"


def cold_start_s(functions: Functions, arn: str) -> float:
    began = time.monotonic()
    payload, _ = functions.invoke(arn, {"n": 1})
    assert payload["event"] == {"n": 1}
    return round(time.monotonic() - began, 1)


def count_ready(kubectl: Kubectl, namespace: str) -> int:
    return sum(
        condition["type"] == "Ready" and condition["status"] == "True"
        for function in kubectl.items("lfn", namespace)
        for condition in function.get("status", {}).get("conditions", ())
    )
