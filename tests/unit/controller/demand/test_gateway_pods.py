"""Whether any gateway is alive."""

from typing import Any

import pytest

from kubelambda.controller.demand.gateway_pods import GatewayPods
from kubelambda.kube.errors import UnavailableError
from kubelambda.kube.memory import MemoryApi
from kubelambda.kube.paths import PODS

RUNNING = {"containerStatuses": [{"name": "gateway", "state": {"running": {}}}]}
CASES = [
    ("none is there", [], False),
    ("one runs", [RUNNING], True),
    ("one of two runs", [{"phase": "Pending"}, RUNNING], True),
    ("one is Pending", [{"phase": "Pending"}], False),
    (
        "its container waits to be started again",
        [{"containerStatuses": [{"name": "gateway", "state": {"waiting": {}}}]}],
        False,
    ),
]


def api_with(statuses: list[dict[str, Any]]) -> MemoryApi:
    api = MemoryApi()
    for number, status in enumerate(statuses):
        labels = {"app.kubernetes.io/component": "gateway"}
        metadata = {"name": f"gateway-{number}", "namespace": "kubelambda", "labels": labels}
        spec = {"containers": [{"name": "gateway"}]}
        api.seed(PODS, {"metadata": metadata, "spec": spec, "status": status})
    return api


@pytest.mark.parametrize(
    ("statuses", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
async def test_a_gateway_is_alive_where_its_container_runs(
    statuses: list[dict[str, Any]], expected: bool
) -> None:
    assert await GatewayPods(api_with(statuses), "kubelambda").is_any_alive() is expected


async def test_a_question_that_fails_counts_as_alive() -> None:
    """Nothing is taken down on a guess."""
    api = api_with([])
    api.refuse("list", "pods", UnavailableError("no answer"))
    assert await GatewayPods(api, "kubelambda").is_any_alive()
