"""A supervisor that tests wait for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from kubelambda.process.supervisor import Supervisor


class SettlingSupervisor(Supervisor):
    """Says when everything that was begun has ended; a bug in it is the test's to see."""

    def __init__(self) -> None:
        super().__init__()
        self._errors: list[BaseException] = []

    def spawn(
        self,
        name: str,
        work: Coroutine[Any, Any, None],
        on_error: Callable[[BaseException], None] | None = None,
    ) -> asyncio.Task[None]:
        return super().spawn(name, work, on_error or self._errors.append)

    async def settle(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)
        if self._errors:
            raise self._errors[0]
