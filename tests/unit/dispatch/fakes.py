"""A queue and an invoker that do as a test wants, and a dispatcher over them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from kubelambda.core.asynchronous.lanes import Lanes
from kubelambda.core.asynchronous.queue import DeadLetter, Lease, QueuedEvent, decode_event
from kubelambda.core.errors import ApiError, throttled
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.dispatch.dispatcher import Dispatcher
from kubelambda.dispatch.metrics import DispatchMetrics
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.memory import MemoryQueue

Result = Outcome | ApiError | Dropped
SUCCESS = Outcome(b"1")
FAILED = Outcome(b'{"errorType":"E"}', function_error=True)
THROTTLED = throttled("ReservedFunctionConcurrentInvocationLimitExceeded")


class Clock:
    """The time of the queue and the dispatcher; moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class StubbornQueue:
    """A queue in memory; ``on_step`` is awaited before each step and after it."""

    def __init__(self, inner: MemoryQueue) -> None:
        self.inner = inner
        self.on_step: Callable[[str], Any] | None = None
        self.steps: Counter[str] = Counter()

    async def _do(self, name: str, *arguments: Any) -> Any:
        self.steps[name] += 1
        if self.on_step is not None:
            await self.on_step(f"before {name}")
        result = await getattr(self.inner, name)(*arguments)
        if self.on_step is not None:
            await self.on_step(f"after {name}")
        return result

    async def publish(self, event: QueuedEvent) -> None:
        await self._do("publish", event)

    async def lease(self, limit: int, wait_s: float) -> Sequence[Lease]:
        leases: Sequence[Lease] = await self._do("lease", limit, min(wait_s, 0.01))
        return leases

    async def extend(self, lease: Lease) -> None:
        await self._do("extend", lease)

    async def ack(self, lease: Lease) -> None:
        await self._do("ack", lease)

    async def release(self, lease: Lease) -> None:
        await self._do("release", lease)

    async def dead_letter(self, letter: DeadLetter) -> None:
        await self._do("dead_letter", letter)

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        return await self.inner.read_dead_letters(limit)

    async def close(self) -> None:
        await self.inner.close()


class FakeInvoker:
    """Answers with ``answer``; hands each event over at once unless ``begins`` says otherwise."""

    def __init__(self, answer: Callable[[QueuedEvent], Any] = lambda _: SUCCESS) -> None:
        self.answer = answer
        self.begins = True
        self.invoked: list[str] = []
        self.running = 0
        self.running_max = 0

    async def invoke(self, event: QueuedEvent, on_begun: Callable[[], None]) -> Result:
        self.invoked.append(event.request_id)
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        if self.begins:
            on_begun()
        try:
            result = self.answer(event)
            if asyncio.iscoroutine(result):
                result = await result
            return result  # type: ignore[no-any-return]
        finally:
            self.running -= 1


class Dispatching:
    """Dispatchers over one queue that are started, stopped and killed."""

    def __init__(self, lease_s: float = 30.0) -> None:
        self.clock = Clock()
        self.memory = MemoryQueue(self.clock, lease_s=lease_s)
        self.queue = StubbornQueue(self.memory)
        self.invoker = FakeInvoker()
        self.lease_s = lease_s
        self.started: list[tuple[Supervisor, Dispatcher]] = []
        self.registry = CollectorRegistry()

    def start(self, lanes: Lanes | None = None) -> Dispatcher:
        supervisor = Supervisor(restart_s_min=0.01)
        self.registry = CollectorRegistry()
        one = Dispatcher(
            self.queue,
            self.invoker,
            DispatchMetrics(self.registry),
            self.clock,
            supervisor=supervisor,
            lease_s=self.lease_s,
            lanes=lanes,
            chance=lambda: 0.5,
        )
        one.open()
        self.started.append((supervisor, one))
        return one

    async def kill(self) -> None:
        """As SIGKILL would: nothing more is settled or given back."""
        supervisor, _ = self.started.pop()
        await supervisor.close()

    async def close(self) -> None:
        while self.started:
            await self.kill()

    def read(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"kubelambda_dispatch_{name}", labels) or 0.0

    def list_kept(self) -> set[str]:
        """The events that are in the queue, leased or not."""
        records = self.memory._records.values()
        return {decode_event(record.header, record.payload).request_id for record in records}

    async def publish(self, *request_ids: str, function: str = "hello") -> None:
        for request_id in request_ids:
            await self.memory.publish(self.make(request_id, function))

    def make(self, request_id: str, function: str = "hello") -> QueuedEvent:
        return QueuedEvent(request_id, "default", function, b"{}", accepted_at=self.clock.now)


async def until(condition: Callable[[], object], wait_s: float = 30.0) -> None:
    async with asyncio.timeout(wait_s):
        while not condition():
            await asyncio.sleep(0.002)
