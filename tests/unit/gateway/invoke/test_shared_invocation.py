"""Two callers of one request id: the second finds the run of the first, and learns all of it."""

from typing import Any

import pytest

from kubelambda.core.model.invocation import Outcome
from kubelambda.gateway.invocation import Invocation
from unit.functions import make_function


class Caller:
    def __init__(self) -> None:
        self.begun = 0
        self.outcomes: list[Any] = []
        self.invocation = Invocation(
            "r-1", make_function(), "", "arn", b"{}", "", "", False, self.outcomes.append
        )
        self.invocation.on_begun = self.note_begun

    def note_begun(self) -> None:
        self.begun += 1


@pytest.mark.parametrize("begins", ["before", "after"])
def test_whoever_joins_a_run_hears_that_it_has_begun_and_how_it_ended(begins: str) -> None:
    """A dispatcher's lane widens when all that it has sent has begun, joined runs too."""
    first, second = Caller(), Caller()
    if begins == "before":
        first.invocation.begin()
    first.invocation.share(second.invocation)
    if begins == "after":
        assert second.begun == 0
        first.invocation.begin()
    assert (first.begun, second.begun) == (1, 1)
    first.invocation.finish(Outcome(b"1"))
    assert first.outcomes == second.outcomes == [Outcome(b"1")]
