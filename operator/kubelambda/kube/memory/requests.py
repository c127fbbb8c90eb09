"""Requests to the API server in memory: each is recorded, and fails if a test asks for it.

Contract: every request is one step of the event loop, so that callers interleave as they would
with a real server. ``fail_next``, ``refuse`` and ``stop_after`` set failures up beforehand.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kubelambda.kube.errors import KubeError
from kubelambda.kube.memory.copies import copy_value

AnswerT = TypeVar("AnswerT")


class StoppedError(Exception):
    """Stands for a kill of the process that sent the request; nothing must catch it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request; ``resource`` is "plural" or "plural/subresource"."""

    verb: str
    resource: str
    namespace: str
    name: str
    manager: str = ""
    content: Any = field(default=None, repr=False)


@dataclass(slots=True)
class _Fault:
    verb: str
    resource: str
    error: Exception
    after: bool
    once: bool


class RecordedRequests:
    """The requests that were sent so far, and the failures that wait for the next ones."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._stop_after: int | None = None
        self.calls: list[Call] = []
        """Every request that was sent, in order, failed ones too."""
        self.on_call: Callable[[Call], None] = lambda call: None
        """Called before each request takes effect; what it raises is the request's outcome."""

    @property
    def writes(self) -> list[Call]:
        """The requests other than reads."""
        return [call for call in self.calls if call.verb not in ("get", "list")]

    def fail_next(self, verb: str, resource: str, error: Exception, *, after: bool = False) -> None:
        """Fail the next such request; with ``after`` it takes effect, but is not answered."""
        self._faults.append(_Fault(verb, resource, error, after, once=True))

    def refuse(self, verb: str, resource: str, error: KubeError) -> None:
        """Fail every such request until ``permit``."""
        self._faults.append(_Fault(verb, resource, error, after=False, once=False))

    def permit(self) -> None:
        """Take back every failure that was set up."""
        self._faults.clear()

    def stop_after(self, calls: int | None) -> None:
        """Let the n-th request from now on take effect and raise StoppedError instead of answering.

        Later requests raise it without taking effect, until ``stop_after(None)``.
        """
        self._stop_after = calls

    async def _answer(self, call: Call, carry_out: Callable[[], AnswerT]) -> AnswerT:
        """A copy of what ``carry_out`` returns, as the answer to ``call``."""
        await asyncio.sleep(0)
        if self._stop_after == 0:
            raise StoppedError(f"before {call.verb} {call.resource}")
        self.calls.append(call)
        self.on_call(call)
        try:
            answer = self._take_effect(call, carry_out)
        except KubeError:
            self._count_down(call)
            raise
        self._count_down(call)
        return copy_value(answer)

    def _take_effect(self, call: Call, carry_out: Callable[[], AnswerT]) -> AnswerT:
        fault = self._take_fault(call)
        if fault is not None and not fault.after:
            raise fault.error
        answer = carry_out()
        if fault is not None:
            raise fault.error
        return answer

    def _count_down(self, call: Call) -> None:
        if self._stop_after is not None:
            self._stop_after -= 1
            if self._stop_after == 0:
                raise StoppedError(f"after {call.verb} {call.resource}")

    def _take_fault(self, call: Call) -> _Fault | None:
        for fault in self._faults:
            if (fault.verb, fault.resource) == (call.verb, call.resource):
                if fault.once:
                    self._faults.remove(fault)
                return fault
        return None
