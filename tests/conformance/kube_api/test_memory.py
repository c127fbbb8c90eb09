"""The API server in memory keeps the rules of the port."""

import pytest

from conformance.kube_api.cases import CASES, Case
from kubelambda.kube.memory import MemoryApi


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_memory(case: Case) -> None:
    await case(MemoryApi(), "apps")
