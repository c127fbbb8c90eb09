"""Figures: one quantity, measured round by round on every side in turn, and the row it becomes.

A side is a tree (``now``, ``against``) or a floor of the same run. Sides take turns within a round,
the order is reversed from round to round, and ratios are those of one round: what is compared ran
within seconds of each other, and neither side is always the first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bench.report import Rounds, Row
from bench.trees import AGAINST, NOW

Key = TypeVar("Key")
Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach: in its unit or, with ``of_floor``, as a multiple of its floor."""

    limit: float
    of_floor: bool = False
    at_least: bool = False

    def text(self, unit: str) -> str:
        word = "at least" if self.at_least else "at most"
        return f"{word} {self.limit:g} {'x' if self.of_floor else unit}"

    def is_met(self, value: Rounds, floor: Rounds | None) -> bool:
        measured = value
        if self.of_floor:
            assert floor is not None, "a target relative to a floor that is not measured"
            measured = value.over(floor)
        if self.at_least:
            return measured.median >= self.limit
        return measured.median <= self.limit


@dataclass(slots=True)
class Figure:
    """One quantity; ``add`` each side's value once a round."""

    name: str
    unit: str
    digits: int = 1
    floor: str = ""
    """The side that it is compared with."""
    target: Target | None = None
    sides: dict[str, list[float]] = field(default_factory=dict)

    def add(self, side: str, value: float) -> None:
        self.sides.setdefault(side, []).append(value)

    def rounds(self, side: str) -> Rounds | None:
        values = self.sides.get(side)
        return Rounds(tuple(values)) if values else None

    def build_row(self) -> Row:
        """The row; RuntimeError where this tree was not measured."""
        now, against, floor = (self.rounds(one) for one in (NOW, AGAINST, self.floor))
        if now is None:
            raise RuntimeError(f"{self.name}: nothing was measured")
        ratio = now.over(against) if against else None
        return Row(
            name=self.name,
            value=now.text(self.unit, self.digits),
            spread=now.spread(self.digits),
            against=against.text(self.unit, self.digits) if against else "",
            ratio=f"{ratio.median:.2f} x" if ratio else "",
            ratio_spread=ratio.spread(2) if ratio else "",
            floor=f"{self.floor} {floor.text(self.unit, self.digits)}" if floor else "",
            compared=f"{now.over(floor).median:.2f} x" if floor else "",
            target=self.target.text(self.unit) if self.target else "",
            met=self.target.is_met(now, floor) if self.target else None,
            number=now.median,
        )


def take_turns(rounds: int, ways: Mapping[Key, Callable[[], Seen]]) -> list[dict[Key, Seen]]:
    """Measure every way once a round; what each round found.

    The order is reversed from round to round. A first round warms up and is not given back.
    """
    found: list[dict[Key, Seen]] = []
    for number in range(rounds + 1):
        names = list(ways) if number % 2 == 0 else list(ways)[::-1]
        found.append({name: ways[name]() for name in names})
    return found[1:]
