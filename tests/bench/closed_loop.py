"""A closed loop on each side in turn: requests per second, and their CPU time in every process."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bench.bench_run import BenchRun
from bench.figures import Figure, Target, take_turns
from bench.load_program import CpuReader
from bench.report import Row

ROUNDS_FACTOR = 2
"""Rounds are short here, so that two sides of one find the machine in the same mood, but many."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where one side is asked, and the CPU clocks of what serves it, by name."""

    side: str
    url: str
    clocks: Mapping[str, CpuReader]


@dataclass(frozen=True, slots=True)
class Loop:
    """What is offered, and what its figures are called."""

    name: str
    connections: int
    seconds: float = 0.5
    floor: str = ""
    """The side that is compared with: all its processes together."""
    target: Target | None = None
    """Of requests per CPU second."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One side in one round."""

    side: str
    per_s: float
    cpu_us: Mapping[str, float]
    """Per request, by process."""

    @property
    def together_us(self) -> float:
        return sum(self.cpu_us.values())


def measure_loop(run: BenchRun, loop: Loop, ways: Sequence[Way]) -> list[Row]:
    """The rows of a loop."""
    rounds = take_turns(
        run.rounds * ROUNDS_FACTOR, {way.side: partial(offer, run, loop, way) for way in ways}
    )
    return build_rows(loop, [seen for found in rounds for seen in found.values()])


def offer(run: BenchRun, loop: Loop, way: Way) -> Seen:
    offered = run.program.offer(
        way.url, seconds=loop.seconds, connections=loop.connections, clocks=way.clocks
    )
    count = offered.expect(200).count
    cpu_us = {name: cpu_s / count * 1e6 for name, cpu_s in offered.cpu_s.items()}
    return Seen(way.side, count / offered.seconds, cpu_us)


def build_rows(loop: Loop, found: Iterable[Seen]) -> list[Row]:
    """Requests per second and per CPU second, and the CPU of each process and of all together."""
    per_s = Figure(f"{loop.name}: requests per second", "/s", 0, loop.floor)
    per_cpu_s = Figure(f"{loop.name}: requests per CPU second", "/s", 0, loop.floor, loop.target)
    together = Figure(f"{loop.name}: CPU per request", "us", 0, loop.floor)
    single: dict[str, Figure] = {}
    for seen in found:
        per_s.add(seen.side, seen.per_s)
        per_cpu_s.add(seen.side, 1e6 / seen.together_us)
        together.add(seen.side, seen.together_us)
        for process, cpu_us in seen.cpu_us.items() if seen.side != loop.floor else ():
            name = f"{loop.name}: of it {process}"
            single.setdefault(process, Figure(name, "us", 0)).add(seen.side, cpu_us)
    figures = [per_s, per_cpu_s, together, *(single.values() if len(single) > 1 else ())]
    return [figure.build_row() for figure in figures]
