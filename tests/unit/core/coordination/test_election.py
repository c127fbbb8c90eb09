"""Who leads, and for how long it may write (F4)."""

import pytest

from kubelambda.core.coordination.election import (
    LeaseView,
    Sighting,
    Step,
    Term,
    compute_wait_s,
    decide_step,
    note_sighting,
    renew_deadline_s,
)

ME, OTHER = "me", "other"

CASES = [
    ("no Lease yet", None, None, Step.CREATE),
    ("my own Lease", LeaseView(ME, "1", 0), None, Step.RENEW),
    ("a Lease handed back", LeaseView("", "1", 3), None, Step.TAKE),
    (
        "another's Lease, just seen",
        LeaseView(OTHER, "1", 0),
        Sighting("1", OTHER, 100.0),
        Step.WAIT,
    ),
    ("another's Lease, never seen before", LeaseView(OTHER, "1", 0), None, Step.WAIT),
    (
        "another's Lease, unchanged for too long",
        LeaseView(OTHER, "1", 0),
        Sighting("1", OTHER, 85.0),
        Step.TAKE,
    ),
    ("another's Lease, deleted by hand", None, Sighting("1", OTHER, 90.0), Step.WAIT),
    ("another's Lease, deleted long ago", None, Sighting("1", OTHER, 85.0), Step.CREATE),
    ("my own Lease, deleted by hand", None, Sighting("1", ME, 99.0), Step.CREATE),
    ("a Lease handed back, then deleted", None, Sighting("1", "", 99.0), Step.CREATE),
]


@pytest.mark.parametrize(
    ("lease", "sighting", "step"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_step_follows_from_the_lease(
    lease: LeaseView | None, sighting: Sighting | None, step: Step
) -> None:
    assert decide_step(lease, sighting, identity=ME, duration_s=15, now=100.0) is step


def test_a_sighting_begins_anew_when_the_lease_changes() -> None:
    first = note_sighting(None, LeaseView(OTHER, "1", 0), 10.0)
    assert first == Sighting("1", OTHER, 10.0)
    assert note_sighting(first, LeaseView(OTHER, "1", 0), 20.0) == first
    assert note_sighting(first, None, 20.0) == first
    assert note_sighting(first, LeaseView(OTHER, "2", 0), 20.0) == Sighting("2", OTHER, 20.0)


def test_a_standby_waits_until_what_it_saw_runs_out_and_no_longer() -> None:
    seen = Sighting("1", OTHER, 100.0)
    assert compute_wait_s(seen, duration_s=4.0, now=101.5) == 2.5
    assert compute_wait_s(seen, duration_s=4.0, now=110.0) == 0.0


def test_a_term_is_invalid_before_the_first_renewal() -> None:
    assert not Term(10.0).is_valid(0.0, 0.0)


@pytest.mark.parametrize(
    ("boot", "wall", "valid"), [(9.9, 9.9, True), (10.0, 5.0, False), (5.0, 10.0, False)]
)
def test_a_term_ends_by_either_clock(boot: float, wall: float, valid: bool) -> None:
    """The process may have been stopped, or its whole machine paused by the host."""
    term = Term(10.0)
    term.renew(0.0, 0.0)
    assert term.is_valid(boot, wall) is valid


def test_a_leader_gives_up_before_anyone_may_take_over() -> None:
    assert renew_deadline_s(4.0) == 3.0
