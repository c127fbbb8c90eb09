"""The cluster that tests of one function start from."""

import pytest

from kubelambda.kube.paths import FUNCTIONS
from unit.controller.controlled_cluster import ControlledCluster, make_function


@pytest.fixture
async def cluster() -> ControlledCluster:
    """One function with two busy environments, everything as it should be."""
    made = ControlledCluster((FUNCTIONS, make_function()))
    await made.settle()
    made.make_environment(replicas=2)
    await made.settle()
    made.api.calls.clear()
    return made
