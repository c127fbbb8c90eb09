"""What is there, as far as we were told."""

from dataclasses import replace

import pytest

from kubelambda.controller.cache.store import Store
from unit.controller.builders import make_pod, read

KEY = ("apps", "hello")


def test_an_older_version_never_replaces_a_newer_one() -> None:
    """Our own write's answer may come before the watch tells of an earlier state."""
    store, record = Store(), read()
    assert store.put_function(replace(record, version="10"))
    assert not store.put_function(replace(record, version="9"))
    assert not store.put_function(replace(record, version="10"))
    found = store.functions.get(KEY)
    assert found is not None
    assert found.version == "10"


def test_pods_are_found_by_the_uid_of_their_function() -> None:
    store = Store()
    store.put_pod(make_pod(key=("apps", "a"), function_uid="1"))
    store.put_pod(make_pod(key=("apps", "b"), function_uid="2"))
    assert [pod.key[1] for pod in store.pods.group("1")] == ["a"]
    store.pods.remove(("apps", "a"))
    assert store.pods.group("1") == []


def test_a_record_that_changes_its_group_leaves_the_former_one() -> None:
    store = Store()
    store.put_pod(make_pod(function_uid="1", version="1"))
    store.put_pod(make_pod(function_uid="2", version="2"))
    assert store.pods.group("1") == []
    assert len(store.pods.group("2")) == 1


def test_the_first_claimant_of_a_name_comes_first() -> None:
    store = Store()
    store.put_function(read(name="b", uid="2", created="2027-01-02T00:00:00Z", functionName="n"))
    store.put_function(read(name="a", uid="1", created="2027-01-01T00:00:00Z", functionName="n"))
    claimants = store.same_name(read(name="b", uid="2", functionName="n"))
    assert [claimant.ref.name for claimant in claimants] == ["a", "b"]


def test_a_namespace_has_functions_until_the_last_one_is_on_its_way_out() -> None:
    store, record = Store(), read()
    assert not store.has_functions("apps")
    store.put_function(record)
    assert store.has_functions("apps")
    store.put_function(replace(record, deleting=True, version="8"))
    assert not store.has_functions("apps")


def test_a_late_answer_does_not_bring_back_what_is_deleted() -> None:
    """The news of a deletion may come before the answer to the last write."""
    store = Store()
    store.put_pod(make_pod(version="10"))
    store.pods.remove(("apps", "pod-1"), "12")
    assert not store.put_pod(make_pod(version="11"))
    assert store.pods.get(("apps", "pod-1")) is None


def test_what_has_only_left_a_watch_comes_back_when_it_matches_again() -> None:
    """To a watch with a selector, an object that loses its label is deleted."""
    store = Store()
    store.put_pod(make_pod(version="10"))
    store.pods.remove(("apps", "pod-1"), "11")
    assert store.put_pod(make_pod(version="12"))


def test_an_object_that_is_made_again_is_another_one() -> None:
    """kopf may tell of the successor only: nothing is to be found under the old uid then."""
    store = Store()
    store.put_function(read(uid="old"))
    store.put_function(replace(read(uid="new"), version="8"))
    assert store.key_of_uid("old") is None
    assert store.key_of_uid("new") == KEY


def test_a_record_that_cannot_be_grouped_changes_nothing() -> None:
    store = Store()
    odd = make_pod(function_uid=["no", "uid"], version="12")
    with pytest.raises(TypeError):
        store.put_pod(odd)
    assert store.put_pod(make_pod(version="11"))
    assert len(store.pods.group("uid-1")) == 1
