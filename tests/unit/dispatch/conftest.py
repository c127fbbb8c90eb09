"""A dispatcher over a queue in memory, which ends with the test."""

from collections.abc import AsyncIterator

import pytest

from unit.dispatch.fakes import Dispatching


@pytest.fixture
async def dispatching() -> AsyncIterator[Dispatching]:
    made = Dispatching()
    yield made
    await made.close()
