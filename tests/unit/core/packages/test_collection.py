"""What is marked, what is due, what becomes of it (G1, G2, G4 of ``core.packages.collection``)."""

from kubelambda.core.packages.collection import (
    SWEPT_MAX,
    CollectionPlan,
    Mark,
    plan_collection,
    settle,
)
from kubelambda.core.packages.store import StoredPackage

A, B = "a" * 64, "b" * 64
DAY_S = 86_400.0


def stored(sha256: str, revision: str = "1", *, withdrawn: bool = False) -> StoredPackage:
    return StoredPackage(sha256, 10, revision, withdrawn)


def plan(
    *packages: StoredPackage,
    named: frozenset[str] = frozenset(),
    marks: dict[str, Mark] | None = None,
    now_s: float = DAY_S,
) -> CollectionPlan:
    return plan_collection(packages, named, marks or {}, now_s=now_s, retention_s=DAY_S)


def test_g1_what_is_named_gets_no_mark_and_loses_its_mark() -> None:
    assert plan(stored(A), named=frozenset({A}), marks={A: Mark("1", 0.0)}) == CollectionPlan(
        {}, ()
    )


def test_g1_what_is_not_named_is_marked_now() -> None:
    assert plan(stored(A), named=frozenset({B})) == CollectionPlan({A: Mark("1", DAY_S)}, ())


def test_g1_a_mark_stays_as_old_as_it_is() -> None:
    marks = {A: Mark("1", 1.0)}
    assert plan(stored(A), marks=marks) == CollectionPlan(marks, ())


def test_g1_what_was_put_again_is_marked_anew() -> None:
    found = plan(stored(A, "2"), marks={A: Mark("1", 0.0)})
    assert found == CollectionPlan({A: Mark("2", DAY_S)}, ())


def test_g1_what_is_not_listed_loses_its_mark() -> None:
    assert plan(marks={A: Mark("1", 0.0)}) == CollectionPlan({}, ())


def test_g2_what_has_been_marked_for_the_retention_is_due() -> None:
    assert plan(stored(A), marks={A: Mark("1", 0.0)}).due == (stored(A),)


def test_g2_so_many_are_due_at_a_time_and_the_oldest_come_first() -> None:
    packages = [stored(f"{number:064x}") for number in range(SWEPT_MAX + 5)]
    marks = {one.sha256: Mark("1", -float(number)) for number, one in enumerate(packages)}
    assert plan(*packages, marks=marks).due == tuple(reversed(packages[5:]))


def test_a_withdrawn_package_is_not_due_again() -> None:
    hidden = stored(A, withdrawn=True)
    assert plan(hidden, marks={A: Mark("1", 0.0)}) == CollectionPlan({}, ())


def test_g4_what_is_named_is_restored_and_the_rest_is_deleted() -> None:
    one, other = stored(A, withdrawn=True), stored(B, withdrawn=True)
    settlement = settle([one, other], {B})
    assert (settlement.restored, settlement.deleted) == ((other,), (one,))
