"""Scaling by demand, with pods that run and a test that plays the gateway."""

import itertools
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from e2e.controller.objects import (
    IDLE_S,
    MASTER_SECRET,
    all_settled,
    make_function,
)
from e2e.controller.processes import Controller
from e2e.kubectl import Kubectl
from kubelambda.controller.demand.demand_server import BODY_BYTES_MAX
from kubelambda.core.wire.demand import (
    DEMAND_PATH,
    DemandReport,
    Drain,
    EnvironmentReport,
    FunctionDemand,
    decode_reply,
    encode_report,
)
from kubelambda.core.wire.keys import INTERNAL_KEY_INFO, SIGNATURE_HEADER, derive_key, sign_request

KEY = derive_key(MASTER_SECRET.encode(), INTERNAL_KEY_INFO)


class Gateway:
    """Posts demand of one function, as a gateway does."""

    def __init__(self, controller: Controller, function: dict[str, Any]) -> None:
        self._url = f"http://127.0.0.1:{controller.demand_port}{DEMAND_PATH}"
        self._function = function
        self._sequence = itertools.count(1)

    def post(
        self, states: Mapping[str, tuple[str, float]] | None = None, *, waiting: int = 0
    ) -> tuple[Drain, ...]:
        """Report environments by pod name: state and idle seconds."""
        metadata = self._function["metadata"]
        environments = tuple(
            EnvironmentReport(pod, "", "", state, idle_s)  # type: ignore[arg-type]
            for pod, (state, idle_s) in (states or {}).items()
        )
        demand = FunctionDemand(
            metadata["namespace"], metadata["name"], metadata["uid"], waiting, environments
        )
        return decode_reply(self._send(DemandReport("e2e", next(self._sequence), (demand,)))).drains

    def _send(self, report: DemandReport) -> bytes:
        body = encode_report(report)
        signature = sign_request(KEY, "POST", DEMAND_PATH, body, int(time.time()))
        request = urllib.request.Request(
            self._url, data=body, headers={SIGNATURE_HEADER: signature}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bytes(answer.read())


@pytest.fixture
def gateway(kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any) -> Gateway:
    controller = make_controller("one")
    controller.start()
    kubectl.apply(make_function("f"), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, 1), "the function is observed")
    return Gateway(controller, kubectl.json("get", "lambdafunction", "f", "-n", namespace))


def running(kubectl: Kubectl, namespace: str) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in kubectl.items("pod", namespace)
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]


def cpu_limit(kubectl: Kubectl, namespace: str, pod: str) -> str:
    spec = kubectl.json("get", "pod", pod, "-n", namespace)["spec"]
    return str(spec["containers"][0]["resources"]["limits"]["cpu"])


def test_pods_follow_demand_up_and_idle_ones_go(
    kubectl: Kubectl, namespace: str, gateway: Gateway, wait_until: Any
) -> None:
    """From zero on a miss; init CPU until initialised; the right victim, drained before it goes."""
    gateway.post(waiting=2)
    wait_until(
        lambda: gateway.post(waiting=2) == () and len(running(kubectl, namespace)) == 2, "two run"
    )
    kept, idle = running(kubectl, namespace)
    assert cpu_limit(kubectl, namespace, kept) == "1", "init runs at full CPU"

    gateway.post({kept: ("busy", 0.0), idle: ("idle", 1.0)})
    wait_until(
        lambda: cpu_limit(kubectl, namespace, kept) == "72m", "an initialised pod has its share"
    )
    busy = {kept: ("busy", 0.0)}
    wait_until(
        lambda: (
            [drain.pod for drain in gateway.post(busy | {idle: ("idle", IDLE_S + 1.0)})] == [idle]
        ),
        "the idle one is to be drained",
    )
    assert len(running(kubectl, namespace)) == 2, "it goes only when it has left the link"
    wait_until(
        lambda: gateway.post(busy) == () and running(kubectl, namespace) == [kept],
        "the drained one goes, the busy one stays",
    )
    last = {kept: ("idle", IDLE_S + 1.0)}
    wait_until(lambda: gateway.post(last), "the last one is to be drained")
    wait_until(lambda: gateway.post() == () and not running(kubectl, namespace), "scaled to zero")


def test_a_refused_report_changes_nothing(
    kubectl: Kubectl, namespace: str, gateway: Gateway
) -> None:
    """No signature: 401. Too large: 413, before anything is verified."""
    for body, status in ((b"{}", 401), (b"x" * (BODY_BYTES_MAX + 1), 413)):
        request = urllib.request.Request(gateway._url, data=body, method="POST")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=5)
        assert caught.value.code == status
        caught.value.close()
    assert kubectl.items("deployment", namespace) == []
    assert kubectl.items("pod", namespace) == []
