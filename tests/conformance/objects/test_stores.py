"""Both drivers keep the rules of the port."""

from pathlib import Path

import pytest

from conformance.objects.cases import CASES, Case
from conformance.objects.stores import make_memory_store, open_sqlite_store


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_sqlite(case: Case, tmp_path: Path) -> None:
    async with open_sqlite_store(tmp_path / "objects.sqlite") as store:
        await case(store)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_kubernetes_in_memory(case: Case) -> None:
    await case(make_memory_store())
