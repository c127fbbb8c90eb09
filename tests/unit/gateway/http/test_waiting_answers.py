"""Who is cut when the answers that wait are too many."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.gateway.http.waiting_answers import NEW_BYTES_PER_S, WaitingAnswers

FAST = 4 * NEW_BYTES_PER_S


@dataclass(eq=False)
class FakeReader:
    """Reads at ``pace``; like the product's, a reader that is cut holds nothing any more."""

    answers: WaitingAnswers
    name: str = ""
    waits_since: float = 0.0
    pace: float = 0.0
    was_cut: bool = field(default=False)

    def measure_pace(self, now: float) -> float:
        return self.pace

    def cut(self) -> None:
        self.was_cut = True
        self.answers.hold(self, 0, 0.0)


@pytest.mark.parametrize(
    ("readers", "cut"),
    [
        ({"stalled": (0, 0), "slow": (0, 20_000), "late": (100, 0)}, "stalled"),
        ({"slow": (0, 20_000), "slower": (50, 10_000), "late": (100, 0)}, "slower"),
        ({"well": (0, FAST), "new": (99.5, 0), "newest": (100, 0)}, "new"),
        ({"slow": (0, 20_000), "new": (99.5, 0), "newest": (100, 0)}, "slow"),
        ({"well": (0, FAST), "new but fast": (99.5, 2 * FAST), "newest": (100, 0)}, "newest"),
    ],
    ids=[
        "the one that takes nothing",
        "the slower one",
        "a new one rather than one that reads well, and the older of them",
        "a slow one rather than a new one",
        "a new one that shows that it is fast counts as such",
    ],
)
def test_who_makes_room(readers: dict[str, tuple[float, float]], cut: str) -> None:
    answers = WaitingAnswers(bytes_max=25)
    made = [FakeReader(answers, name, since, pace) for name, (since, pace) in readers.items()]
    for reader in made:
        answers.hold(reader, 10, now=100.0)
    assert [one.name for one in made if one.was_cut] == [cut]
    assert answers.bytes_held == 20


def test_no_more_are_cut_than_the_room_needs() -> None:
    answers = WaitingAnswers(bytes_max=100)
    small = [FakeReader(answers, pace=float(number)) for number in range(10)]
    for reader in small:
        answers.hold(reader, 10, now=100.0)
    answers.hold(FakeReader(answers, pace=FAST), 25, now=100.0)
    assert [one.was_cut for one in small] == [True] * 3 + [False] * 7


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=60))
def test_never_more_than_the_bound_is_held_and_all_of_it_by_readers(
    steps: list[tuple[int, int]],
) -> None:
    answers = WaitingAnswers(bytes_max=100)
    readers = [FakeReader(answers, pace=float(number)) for number in range(6)]
    held = dict.fromkeys(range(6), 0)
    for number, count in steps:
        answers.hold(readers[number], count, now=100.0)
        held[number] = count
        for other, reader in enumerate(readers):
            if reader.was_cut:
                held[other], reader.was_cut = 0, False
        assert answers.bytes_held == sum(held.values()) <= 100
