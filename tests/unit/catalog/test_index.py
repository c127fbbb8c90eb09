"""The index answers from its last good state and tells subscribers of real changes only."""

from dataclasses import replace

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import UploadedPackage
from kubelambda.core.model.function import Function, FunctionRef, Stall
from unit.functions import make_function


def make_named(name: str = "hello", namespace: str = "shop", aws_name: str = "") -> Function:
    return make_function(
        ref=FunctionRef(namespace, name), uid=f"uid-{name}", function_name=aws_name or name
    )


def test_a_function_is_found_by_reference_and_by_aws_name() -> None:
    index = FunctionIndex()
    function = make_named(aws_name="Hello_World")
    index.put(function)
    assert index.get(function.ref) == function
    assert index.find("shop", "Hello_World") == function
    assert index.find("shop", "hello") is None
    assert index.find("other", "Hello_World") is None


def test_an_unchanged_function_is_not_told_again() -> None:
    index, told = FunctionIndex(), []
    index.subscribe(told.append)
    index.put(make_named())
    index.put(make_named())
    index.put(replace(make_named(), timeout_s=9))
    index.remove(make_named().ref)
    index.remove(make_named().ref)
    assert told == [make_named().ref] * 3


def test_replace_removes_only_within_its_namespace() -> None:
    index = FunctionIndex()
    index.put(make_named("one", "shop"))
    index.put(make_named("two", "shop"))
    index.put(make_named("three", "bank"))
    index.replace([make_named("two", "shop")], namespace="shop")
    assert sorted(str(ref) for ref in index.refs()) == ["bank/three", "shop/two"]


def test_of_two_claims_on_one_name_the_one_that_is_not_stalled_answers() -> None:
    index = FunctionIndex()
    index.put(replace(make_named("late", aws_name="Same"), stalled_reason="NameTaken"))
    index.put(make_named("early", aws_name="Same"))
    found = index.find("shop", "Same")
    assert found is not None
    assert found.ref.name == "early"


def test_a_name_stays_with_its_owner_who_lacks_room() -> None:
    index = FunctionIndex()
    duplicate = replace(make_named("late", aws_name="Same"), ready=False)
    index.put(replace(duplicate, stalled_reason="DuplicateFunctionName"))
    early = make_named("early", aws_name="Same")
    for stall in (Stall.NO_ROOM, Stall.CANNOT_START, Stall.CANNOT_RUN):
        index.put(replace(early, stalled_reason="Unschedulable", stall=stall))
        found = index.find("shop", "Same")
        assert found is not None
        assert found.ref.name == "early", stall


def test_a_function_that_lacks_room_serves_as_it_was_until_its_update_is_judged() -> None:
    index = FunctionIndex()
    former = replace(make_named(), stalled_reason="Unschedulable", stall=Stall.NO_ROOM)
    index.put(former)
    index.put(replace(make_named(), timeout_s=9, ready=False))
    assert index.get(former.ref) == former


def test_a_renamed_function_is_no_longer_found_under_its_old_name() -> None:
    index = FunctionIndex()
    index.put(make_named(aws_name="Old"))
    index.put(make_named(aws_name="New"))
    assert index.find("shop", "Old") is None
    assert index.find("shop", "New") is not None


def test_a_ready_function_serves_as_it_was_until_its_update_is_judged() -> None:
    """As on AWS while LastUpdateStatus is InProgress; a 409 is for functions that never served."""
    index, former = FunctionIndex(), make_named()
    index.put(former)
    index.put(replace(former, timeout_s=9, ready=False))
    assert index.get(former.ref) == former
    index.put(replace(former, timeout_s=9))
    assert index.get(former.ref) == replace(former, timeout_s=9)


def test_a_function_made_anew_or_stalled_is_no_update() -> None:
    index, former = FunctionIndex(), make_named()
    for successor in (
        replace(former, uid="another", ready=False),
        replace(former, ready=False, stalled_reason="RuntimeNotFound"),
    ):
        index.put(former)
        index.put(successor)
        assert index.get(former.ref) == successor


def test_an_update_to_a_package_that_is_not_there_leaves_what_served_before() -> None:
    """As on AWS, where such an update is refused; anything else that is stalled is not served."""
    index, former = FunctionIndex(), make_named()
    index.put(former)
    lacking = replace(
        former,
        code=UploadedPackage("a" * 64),
        ready=False,
        stalled_reason="PackageNotFound",
        stalled_message="upload it",
    )
    index.put(lacking)
    assert index.get(former.ref) == former
    index.put(replace(lacking, stalled_reason="RuntimeNotFound"))
    found = index.get(former.ref)
    assert found is not None
    assert found.stalled_reason == "RuntimeNotFound"
    index.put(lacking)
    assert index.get(former.ref) == lacking, "it was not ready before"


def test_a_package_that_is_lacking_in_what_serves_now_is_said() -> None:
    """A layer that was made again: its users have it before anybody has looked for its package."""
    index, former = FunctionIndex(), replace(make_named(), code=UploadedPackage("a" * 64))
    index.put(former)
    lacking = replace(former, ready=False, stalled_reason="PackageNotFound")
    index.put(lacking)
    assert index.get(former.ref) == lacking
