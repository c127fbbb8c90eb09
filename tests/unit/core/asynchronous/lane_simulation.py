"""Functions, their environments and the lanes of one or more dispatchers, in simulated time."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from kubelambda.core.asynchronous.lane import Ending
from kubelambda.core.asynchronous.lanes import Lanes, Returned

TICK_S = 0.1
RELAY_S = 0.001


@dataclass(slots=True)
class SimulatedFunction:
    """Environments are made for whatever waits, as many as wanted, and stay."""

    work_s: float
    cold_start_s: float = 1.0
    reservation: int = 1_000_000
    in_flight: int = 0
    idle: int = 0
    wanted: int = 0
    queue: list[str] = field(default_factory=list)


class Simulation:
    """``offer`` events, then ``run_until``; what comes back from the lanes returns when due."""

    def __init__(self, dispatchers: list[Lanes], functions: dict[str, SimulatedFunction]) -> None:
        self._dispatchers = dispatchers
        self._holder: dict[str, Lanes] = {}
        self.functions = functions
        self.now = 0.0
        self.done_at: dict[str, float] = {}
        self.begun: list[str] = []
        self.in_flight_max: dict[str, int] = dict.fromkeys(functions, 0)
        self.throttles = 0
        self.returned: list[Returned] = []
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._backlog: list[tuple[float, int, str, str]] = []
        self._deferrals: dict[str, int] = {}
        self._accepted_at: dict[str, float] = {}
        self._later(0.0, self._tick)

    def offer(self, function: str, count: int, every_s: float = 0.0) -> None:
        """``count`` events in the queue, the first now."""
        for number in range(count):
            key, at = f"{function}/{number}", self.now + number * every_s
            self._accepted_at[key] = at
            heapq.heappush(self._backlog, (at, next(self._number), function, key))

    def run_until(self, end_s: float, done: int | None = None) -> None:
        while self._steps and self._steps[0][0] <= end_s:
            if done is not None and len(self.done_at) >= done:
                return
            self.now, _, step = heapq.heappop(self._steps)
            step()
        self.now = end_s

    def _later(self, delay_s: float, step: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (self.now + delay_s, next(self._number), step))

    def _tick(self) -> None:
        while self._backlog and self._backlog[0][0] <= self.now:
            lanes = max(self._dispatchers, key=lambda dispatcher: dispatcher.lease_limit)
            if not lanes.lease_limit:
                break
            _, _, function, key = heapq.heappop(self._backlog)
            lanes.add(function, key, self._accepted_at[key], 100, self.now)
            self._holder[key] = lanes
        for lanes in self._dispatchers:
            for key in lanes.take(self.now):
                self._start(key)
            for returned in lanes.give_back(self.now):
                self._return(returned)
            lanes.forget_idle(self.now)
        self._later(TICK_S, self._tick)

    def _return(self, one: Returned) -> None:
        self.returned.append(one)
        deferrals = self._deferrals[one.key] = self._deferrals.get(one.key, -1) + 1
        delay_s = one.delay_s or min(300.0, 2.0**deferrals)
        function = one.key.partition("/")[0]
        due_at = self.now + delay_s
        heapq.heappush(self._backlog, (due_at, next(self._number), function, one.key))

    def _start(self, key: str) -> None:
        name = key.partition("/")[0]
        function = self.functions[name]
        if function.in_flight >= function.reservation:
            self.throttles += 1
            self._later(RELAY_S, lambda: self._end(key, Ending.THROTTLED))
            return
        function.in_flight += 1
        self.in_flight_max[name] = max(self.in_flight_max[name], function.in_flight)
        function.queue.append(key)
        if function.in_flight > function.wanted:
            function.wanted = function.in_flight
            self._later(function.cold_start_s, lambda: self._free(function))
        self._serve(function)

    def _free(self, function: SimulatedFunction) -> None:
        function.idle += 1
        self._serve(function)

    def _serve(self, function: SimulatedFunction) -> None:
        while function.idle and function.queue:
            function.idle -= 1
            key = function.queue.pop(0)
            self._holder[key].begin(key, self.now)
            self.begun.append(key)
            self._later(function.work_s, lambda key=key: self._finish(function, key))  # type: ignore[misc]

    def _finish(self, function: SimulatedFunction, key: str) -> None:
        function.in_flight -= 1
        self.done_at[key] = self.now
        self._free(function)
        self._later(RELAY_S, lambda: self._end(key, Ending.COMPLETED))

    def _end(self, key: str, ending: Ending) -> None:
        lanes = self._holder[key]
        lanes.end(key, ending, self.now, 0.5)
        for taken in list(lanes.take_of(key.partition("/")[0], self.now)):
            self._start(taken)
