"""What every group of measurements is given."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.load_program import LoadProgram
from bench.trees import Tree


@dataclass(frozen=True, slots=True)
class BenchRun:
    """The load program, the trees to be measured in turn (this one first), and how many rounds."""

    program: LoadProgram
    trees: Sequence[Tree]
    rounds: int

    @property
    def tree(self) -> Tree:
        """This tree: for what is not measured against another."""
        return self.trees[0]
