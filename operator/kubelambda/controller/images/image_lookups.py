"""Looks up the images of functions: which are known, being asked for, or to be asked for again.

Contract: a slow registry delays no other function: a reconcile waits PATIENCE_S for the answer, and
is repeated when it comes later. The answer for a generation is kept in the function's status, so
neither a restart nor a push asks again. Lives on one event loop; remembers only functions without
an answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.images.image_resolver import Resolution
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.core.images.config import ImageRequest, ResolvedImage
from kubelambda.judge.problem import Problem
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
ASKED_AT_ONCE = 8
RETRY_S_MIN = 2.0
RETRY_S_MAX = 60.0
"""Also the time between two lookups of an image that is not there."""
Resolve = Callable[[ImageRequest], Awaitable[Resolution]]
PENDING = Problem(Reason.PROGRESSING, "the image is being looked up", transient=True)


@dataclass(slots=True)
class _Entry:
    """What is known of one function's image; ``task`` asks for it now."""

    uid: str
    generation: int
    outcome: Resolution = PENDING
    failures: int = 0
    due: float = 0.0
    task: asyncio.Task[None] | None = None


class ImageLookups:
    """Looks images up; calls ``changed`` with the key of each function whose answer has come."""

    def __init__(
        self,
        resolve: Resolve,
        changed: Callable[[Key], None],
        clock: Callable[[], float],
        supervisor: Supervisor,
    ) -> None:
        self._resolve = resolve
        self._changed = changed
        self._clock = clock
        self._supervisor = supervisor
        self._entries: dict[Key, _Entry] = {}
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)

    async def look(self, record: FunctionRecord) -> tuple[Resolution | None, float | None]:
        """The image of ``record`` (None for a function without one), and when to look again."""
        key = (record.ref.namespace, record.ref.name)
        if record.image is None or record.resolved_image is not None:
            self.forget(key)
            return record.resolved_image, None
        entry = self._enter(key, record)
        if isinstance(entry.outcome, ResolvedImage):
            return entry.outcome, None
        if entry.task is None and self._clock() >= entry.due:
            name = "looking up the image of " + "/".join(key)
            entry.task = self._supervisor.spawn(name, self._ask(key, entry, record.image))
        task = entry.task
        if task is not None:
            await asyncio.wait({task}, timeout=PATIENCE_S)
            if not task.done() or isinstance(entry.outcome, ResolvedImage):
                return entry.outcome, None
        return entry.outcome, max(0.0, entry.due - self._clock())

    def forget(self, key: Key) -> None:
        """Ask no more for the image of ``key``."""
        entry = self._entries.pop(key, None)
        if entry is not None and entry.task is not None:
            entry.task.cancel()

    def _enter(self, key: Key, record: FunctionRecord) -> _Entry:
        entry = self._entries.get(key)
        if entry is None or (entry.uid, entry.generation) != (record.uid, record.generation):
            self.forget(key)
            entry = self._entries[key] = _Entry(record.uid, record.generation)
        return entry

    async def _ask(self, key: Key, entry: _Entry, request: ImageRequest) -> None:
        try:
            async with self._asking:
                entry.outcome = await self._resolve(request)
        finally:
            entry.task = None
            self._postpone(entry)
            self._changed(key)
        if isinstance(entry.outcome, Problem):
            problem = entry.outcome
            logger.info("%s: %s: %s", "/".join(key), problem.reason, problem.message)

    def _postpone(self, entry: _Entry) -> None:
        is_transient = isinstance(entry.outcome, Problem) and entry.outcome.transient
        delay_s = RETRY_S_MIN * 2.0**entry.failures if is_transient else RETRY_S_MAX
        entry.due = self._clock() + min(RETRY_S_MAX, delay_s)
        entry.failures = min(entry.failures + 1, 16)
