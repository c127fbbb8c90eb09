"""Published versions and aliases in the index: what is found depends on what is there only."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.catalog.build import (
    NotPublishedError,
    build_alias,
    build_unreadable_version,
    build_version,
)
from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import Function, FunctionRef
from unit.functions import REF, make_alias, make_function, make_version

LATEST, FIRST = make_function(), make_version(1)


def make_manifest(**spec: Any) -> dict[str, Any]:
    snapshot = {"runtime": "python3.13", "handler": "app.h", "code": {"inline": {"app.py": "x"}}}
    owner = {"kind": "LambdaFunction", "name": "hello", "uid": "u"}
    return {
        "metadata": {
            "name": "hello.3",
            "namespace": "shop",
            "uid": "version-3",
            "creationTimestamp": "2027-01-01T00:00:00Z",
            "ownerReferences": [owner],
        },
        "spec": {"functionName": "hello", "version": 3, "snapshot": snapshot, **spec},
    }


def test_a_version_is_found_by_number_reference_and_uid() -> None:
    index = FunctionIndex()
    index.put(LATEST)
    index.put(FIRST)
    assert index.find("shop", "hello") == LATEST
    assert index.find_version("shop", "hello", "1") == FIRST
    assert index.find_version("shop", "hello", "$LATEST") == LATEST
    assert index.find_version("shop", "hello", "2") is None
    assert index.find_version("bank", "hello", "1") is None
    assert (index.get(FIRST.ref), index.find_by_uid(FIRST.uid)) == (FIRST, FIRST)


def test_a_version_is_served_while_its_own_function_is_there() -> None:
    index, told = FunctionIndex(), []
    index.subscribe(told.append)
    index.put(FIRST)
    assert index.get(FIRST.ref) is None
    index.put(LATEST)
    assert told == [REF, FIRST.ref]
    index.put(replace(LATEST, uid="another of that name"))
    assert index.get(FIRST.ref) is None
    assert index.find_version("shop", "hello", "1") is None
    index.put(LATEST)
    assert index.find_version("shop", "hello", "1") == FIRST
    index.remove(REF)
    assert (index.get(FIRST.ref), told[-2:]) == (None, [REF, FIRST.ref])


@pytest.mark.parametrize(
    "changes",
    [
        {"function_uid": ""},
        {"function_uid": "another"},
        {"function_name": "Hello"},
        {"ref": FunctionRef("shop", "other.1")},
        {"ref": FunctionRef("bank", "hello.1")},
    ],
    ids=["no owner yet", "another owner", "another name", "another function's", "elsewhere"],
)
def test_a_version_of_no_function_is_not_served(changes: dict[str, Any]) -> None:
    index = FunctionIndex()
    index.put(LATEST)
    index.put(make_version(1, **changes))
    assert index.find_version("shop", "hello", "1") is None
    assert index.refs() == [REF]


def test_a_version_has_the_reservation_of_its_function() -> None:
    index, told = FunctionIndex(), []
    index.put(LATEST)
    index.put(FIRST)
    index.subscribe(told.append)
    for reservation in (5, 0, None):
        index.put(replace(LATEST, reserved_concurrency=reservation))
        found = index.find_version("shop", "hello", "1")
        assert found is not None
        assert found.reserved_concurrency == reservation
        assert found.config_digest == FIRST.config_digest
    assert told == [REF, FIRST.ref] * 3


def test_of_two_objects_of_one_number_the_older_counts_until_it_is_gone() -> None:
    index = FunctionIndex()
    index.put(LATEST)
    older = make_version(1, created="2026")
    later = make_version(
        1, ref=FunctionRef("shop", "hello.copy"), uid="copy", created="2027", timeout_s=9
    )
    index.put(later)
    assert index.find_version("shop", "hello", "1") == later
    index.put(older)
    assert index.find_version("shop", "hello", "1") == older
    assert index.get(later.ref) is None
    index.remove(older.ref, older.uid)
    assert index.find_version("shop", "hello", "1") == later


def test_a_deletion_concerns_one_object() -> None:
    index = FunctionIndex()
    index.put(LATEST)
    index.put(FIRST)
    index.put_alias(make_alias("live", "1"))
    index.remove(FIRST.ref, "another")
    index.remove_alias(FunctionRef("shop", "hello.live"), "another")
    assert index.find_version("shop", "hello", "1") == FIRST
    assert index.find_alias("shop", "hello", "live") is not None
    assert not index.was_deleted("u", "1")
    assert not index.was_deleted("u", "live")


def test_a_list_removes_what_it_does_not_hold_and_only_of_its_kind() -> None:
    index = FunctionIndex()
    for function in (LATEST, FIRST, make_version(2)):
        index.put(function)
    index.put_alias(make_alias("live", "1"))
    index.put_alias(make_alias("test", "1"))
    index.replace([LATEST])
    assert index.list_objects(None, versions=True) == [FIRST.ref, make_version(2).ref]
    index.replace_aliases([make_alias("test", "2")], "shop")
    assert index.find_alias("shop", "hello", "live") is None
    assert index.find_alias("shop", "hello", "test") == make_alias("test", "2")
    index.replace_aliases([], "bank")
    assert index.find_alias("shop", "hello", "test") is not None


def test_an_alias_is_its_functions_and_no_other_ones_of_that_name() -> None:
    index = FunctionIndex()
    index.put_alias(make_alias("live", "1"))
    index.put_alias(make_alias("live", "2", ref=FunctionRef("shop", "other.live")))
    assert index.find_alias("shop", "hello", "live") is None, "its function is not there"
    index.put(LATEST)
    found = index.find_alias("shop", "hello", "live")
    assert found is not None
    assert found.version == "1"


def test_what_is_not_published_or_cannot_be_read_has_no_number() -> None:
    with pytest.raises(NotPublishedError):
        build_version(make_manifest(version=None, snapshot=None))
    built = build_version(make_manifest())
    assert (built.version, built.owner_uid, built.ref.function) == ("3", "u", REF)
    assert built.created == "2027-01-01T00:00:00Z"
    stand_in = build_unreadable_version(make_manifest(), "KeyError")
    assert stand_in is not None
    assert (stand_in.version, stand_in.owner_uid, stand_in.cannot_run) == ("3", "u", True)
    assert build_unreadable_version(make_manifest(version="x"), "KeyError") is None


def test_an_alias_is_named_by_its_object_unless_it_says_otherwise() -> None:
    metadata = {"name": "hello.live", "namespace": "shop", "uid": "a"}
    spec = {"functionName": "hello", "functionVersion": "2"}
    built = build_alias({"metadata": metadata, "spec": spec})
    assert built == make_alias("live", "2", uid="a")
    assert build_alias({"metadata": metadata, "spec": {**spec, "name": "LIVE"}}).name == "LIVE"


# any order gives the same index

functions = st.builds(
    lambda name, uid, reservation: make_function(
        ref=FunctionRef("shop", name),
        uid=f"{name}-{uid}",
        function_name=name,
        reserved_concurrency=reservation,
    ),
    st.sampled_from(["one", "two"]),
    st.sampled_from("ab"),
    st.sampled_from([None, 3]),
)
versions = st.builds(
    lambda name, place, owner, number, created: make_version(
        number,
        ref=FunctionRef("shop", f"{name}.{place}"),
        uid=f"{name}.{place}-{number}-{owner}",
        function_name=name,
        function_uid=f"{name}-{owner}",
        created=created,
    ),
    st.sampled_from(["one", "two"]),
    st.sampled_from("xyz"),
    st.sampled_from("ab"),
    st.integers(1, 2),
    st.sampled_from(["2026", "2027"]),
)
aliases = st.builds(
    lambda function, place, name, version: make_alias(
        name, version, ref=FunctionRef("shop", f"{function}.{place}"), function_name=function
    ),
    st.sampled_from(["one", "two"]),
    st.sampled_from("xyz"),
    st.sampled_from(["live", "test"]),
    st.sampled_from(["1", "2"]),
)
Object = Function | Alias


def put(index: FunctionIndex, one: Object) -> None:
    if isinstance(one, Alias):
        index.put_alias(one)
    else:
        index.put(one)


def remove(index: FunctionIndex, one: Object) -> None:
    if isinstance(one, Alias):
        index.remove_alias(one.ref)
    else:
        index.remove(one.ref)


def describe(index: FunctionIndex) -> dict[str, object]:
    """All that the port says."""
    names = ("one", "two")
    found: dict[str, object] = {
        f"{name}:{version}": index.find_version("shop", name, version)
        for name in names
        for version in ("$LATEST", "1", "2")
    }
    for name in names:
        found |= {f"{name}:{one}": index.find_alias("shop", name, one) for one in ("live", "test")}
    for ref in index.refs():
        one = index.get(ref)
        assert one is not None
        found |= {str(ref): one, one.uid: index.find_by_uid(one.uid)}
    return found


@given(st.lists(st.tuples(st.booleans(), functions | versions | aliases), max_size=30))
def test_any_interleaving_gives_the_index_of_the_final_state(
    steps: Sequence[tuple[bool, Object]],
) -> None:
    """And whoever follows the changes that are told knows all that is served."""
    index, present = FunctionIndex(), dict[tuple[type, FunctionRef], Object]()
    followed: dict[FunctionRef, Function] = {}

    def follow(ref: FunctionRef) -> None:
        one = index.get(ref)
        if one is None:
            followed.pop(ref)
        else:
            followed[ref] = one

    index.subscribe(follow)
    for is_there, one in steps:
        key = (type(one), one.ref)
        if is_there:
            present[key] = one
            put(index, one)
        else:
            present.pop(key, None)
            remove(index, one)
    built = FunctionIndex()
    for one in present.values():
        put(built, one)
    assert describe(index) == describe(built)
    assert followed == {ref: index.get(ref) for ref in index.refs()}
