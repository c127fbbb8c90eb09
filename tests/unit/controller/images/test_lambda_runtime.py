"""A LambdaRuntime says whether its language is supported, and its functions run on if not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kubelambda.controller.records.keys import runtime_key
from kubelambda.kube.errors import ForbiddenError, KubeError, NotFoundError
from kubelambda.kube.paths import FUNCTIONS, RUNTIMES
from unit.controller.controlled_cluster import ControlledCluster, make_function

DAY_S = 86_400.0
PYTHON_ENDS = datetime(2029, 6, 30, tzinfo=UTC).timestamp()


def make_runtime(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"image": f"registry.example/{name}", **spec}}


def supported(cluster: ControlledCluster, name: str) -> tuple[str, str, str]:
    found = cluster.api.find(RUNTIMES, "", name)
    assert found is not None
    (condition,) = found["status"]["conditions"]
    assert condition["type"] == "Supported"
    return condition["status"], condition["reason"], condition["message"]


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (make_runtime("python3.14"), ("True", "Supported", "until 2029-06-30")),
        (
            make_runtime("ruby3.3", endOfSupport="2027-01-01"),
            ("False", "SupportEnded", "support of runtime ruby3.3 ended on 2027-01-01; change to"),
        ),
        (make_runtime("own1"), ("Unknown", "SupportUnknown", "spec.endOfSupport says")),
        (
            make_runtime("nodejs20.x"),
            ("False", "SupportEnded", "support of runtime nodejs20.x ended on 2026-04-30; change"),
        ),
    ],
    ids=["supported", "ended as its administrator says", "nobody knows", "ended as AWS says"],
)
async def test_a_runtime_says_whether_it_is_supported(
    manifest: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    cluster = ControlledCluster()
    cluster.api.seed(RUNTIMES, manifest)
    await cluster.settle()
    status, reason, message = supported(cluster, manifest["metadata"]["name"])
    assert (status, reason) == expected[:2]
    assert message.startswith(expected[2])


async def test_a_second_look_writes_nothing() -> None:
    cluster = ControlledCluster()
    await cluster.settle()
    found = cluster.api.find(RUNTIMES, "", "python3.13")
    cluster.keys[runtime_key("python3.13")] = None
    await cluster.settle()
    assert cluster.api.find(RUNTIMES, "", "python3.13") == found


async def test_the_condition_changes_on_the_day_and_functions_say_so_and_stay_ready() -> None:
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    assert cluster.condition() == ("True", "Ready", "Scales from zero on demand.")
    cluster.now_s = PYTHON_ENDS - DAY_S / 2
    await cluster.restart()
    await cluster.settle()
    assert supported(cluster, "python3.13")[0] == "True"
    await cluster.pass_time(DAY_S)
    assert supported(cluster, "python3.13")[0] == "False"
    assert cluster.condition() == (
        "True",
        "Ready",
        "Scales from zero on demand; support of runtime python3.13 ended on 2029-06-30; change to "
        "python3.14",
    )


@pytest.mark.parametrize("error", [ForbiddenError, NotFoundError])
async def test_where_the_condition_may_not_be_written_functions_go_on(
    error: type[KubeError],
) -> None:
    """Rights and CRDs may be those of the release before."""
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    cluster.api.refuse("patch", "lambdaruntimes/status", error("no right"))
    await cluster.settle()
    assert cluster.condition()[0] == "True"
    assert runtime_key("python3.13") in cluster.revisits
