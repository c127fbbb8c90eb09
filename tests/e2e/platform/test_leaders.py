"""Two controllers: whoever leads may go in any way without a cold start that waits for it."""

import logging
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.conftest import ROOT
from e2e.functions import Functions, build_function
from e2e.helm import run_install, run_uninstall
from e2e.kubectl import Kubectl
from e2e.release import RELEASE, Release

pytestmark = pytest.mark.alone

logger = logging.getLogger(__name__)

TAKEOVER_S = 5.0
"""The promise, from the crash on; asked for with SLACK_S of a busy test machine."""
SLACK_S = 8.0


def seconds_until(reached: Callable[[], object], at_most_s: float) -> float:
    """How long it took; fails after ``at_most_s``."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < at_most_s, f"not within {at_most_s} s"
        time.sleep(0.05)
    return time.monotonic() - began


def signal_controller(kubectl: Kubectl, pod: str, number: signal.Signals) -> None:
    """To the leader's process itself, from the node, as the kernel or a fault would."""
    found = kubectl.json("-n", RELEASE, "get", "pod", pod)
    uid = found["metadata"]["uid"]
    program = ROOT / "tests" / "cluster" / "signal-pod"
    subprocess.run([program, uid, str(int(number))], check=True, timeout=20)


@pytest.mark.timeout(200)
def test_a_leader_that_is_stopped_still_is_followed_within_five_seconds(
    functions: Functions, kubectl: Kubectl, release: Release, wait_until: Callable[..., Any]
) -> None:
    """F4: SIGSTOP, as a node that hangs. The cold start of the moment waits no longer than that."""
    arn = functions.apply(build_function("cold"))
    wait_until(lambda: release.leader() in release.names("controller"), "somebody leads")
    former = release.leader()
    signal_controller(kubectl, former, signal.SIGSTOP)
    try:
        took_s = seconds_until(lambda: release.leader() != former, TAKEOVER_S + SLACK_S)
        payload, _ = functions.invoke(arn, {"n": 1})
        assert payload["event"] == {"n": 1}
    finally:
        signal_controller(kubectl, former, signal.SIGCONT)
    logger.info("a stopped leader was followed after %.1f s", took_s)
    assert release.leader() != former, "the one that wakes does not lead again"


@pytest.mark.timeout(200)
@pytest.mark.parametrize("deed", ["killed", "deleted by force", "rolled out"])
def test_a_cold_start_does_not_wait_for_a_leader_that_is_gone(
    functions: Functions,
    kubectl: Kubectl,
    release: Release,
    wait_until: Callable[..., Any],
    deed: str,
) -> None:
    """The gateway holds the request until the next leader has it: served, never refused."""
    arn = functions.apply(build_function("cold"))
    wait_until(lambda: release.leader() in release.names("controller"), "somebody leads")
    if deed == "killed":
        signal_controller(kubectl, release.leader(), signal.SIGKILL)
    elif deed == "deleted by force":
        release.delete(release.leader(), force=True)
    else:
        release.run("rollout", "restart", release.workload("controller"))
    began = time.monotonic()
    payload, _ = functions.invoke(arn, {"n": 1})
    logger.info("leader %s: a cold start took %.1f s", deed, time.monotonic() - began)
    assert payload["event"] == {"n": 1}


@pytest.mark.timeout(400)
def test_the_lease_goes_with_the_release_and_the_next_release_leads_at_once(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    """An uninstall leaves no Lease that the next installation would wait for."""
    arn = functions.apply(build_function("cold"))
    run_uninstall(RELEASE, RELEASE)
    try:
        wait_until(lambda: not kubectl.items("leases", RELEASE), "the Lease is gone")
    finally:
        run_install()
    began = time.monotonic()
    payload, _ = functions.invoke(arn, {"n": 1})
    logger.info("installed anew: a cold start took %.1f s", time.monotonic() - began)
    assert payload["event"] == {"n": 1}
