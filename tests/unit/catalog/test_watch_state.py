"""Lists, events and replays are compared with what is known; rules C1 to C6 of ``watch_state``."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.catalog.build import build_function, build_unreadable
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.layered_index import LayeredIndex
from kubelambda.catalog.watch_state import (
    LISTS_REFUSED_MAX,
    Resource,
    StaleListError,
    StaleVersionError,
    WatchState,
)
from kubelambda.core.model.function import FunctionRef

REF = FunctionRef("shop", "hello")


def make_manifest(version: int, uid: str = "u", name: str = "hello", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "resourceVersion": str(version),
        },
        "spec": {
            "runtime": "python3.13",
            "handler": "app.h",
            "code": {"inline": {"app.py": str(version)}},
            **spec,
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def make_event(kind: str, version: int, uid: str = "u", **spec: Any) -> dict[str, Any]:
    return {"type": kind, "object": make_manifest(version, uid, **spec)}


def make_bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}


class World:
    """One state of functions, and what subscribers of its index were told."""

    def __init__(self) -> None:
        self.index = FunctionIndex()
        joined = LayeredIndex(self.index)
        self.state = WatchState(
            Resource(
                "lambdafunctions",
                build_function,
                build_unreadable,
                joined.put_function,
                joined.remove_function,
                joined.replace_functions,
            ),
            None,
        )
        self.told: list[str] = []
        self.index.subscribe(self._note)

    def _note(self, ref: FunctionRef) -> None:
        function = self.index.get(ref)
        self.told.append(function.uid if function else "gone")

    def take(self, *events: dict[str, Any]) -> None:
        for event in events:
            self.state.take_event(event)

    def list(self, version: int, *manifests: dict[str, Any]) -> None:
        records = [one for manifest in manifests if (one := self.state.read(manifest))]
        self.state.take_list(records, str(version))

    def uid(self) -> str:
        function = self.index.get(REF)
        return function.uid if function else ""


@pytest.fixture
def world() -> World:
    return World()


def test_progress_is_the_last_record_or_bookmark_that_was_taken(world: World) -> None:
    world.list(5)
    assert world.state.version == "5"
    world.take(make_event("ADDED", 6))
    assert world.state.version == "6"
    world.take(make_bookmark(9))
    assert world.state.version == "9"
    world.take(make_event("DELETED", 11), make_event("MODIFIED", 10))
    assert world.state.version == "11", "it never goes back"


REPLAY = [
    make_event("ADDED", 6, "old"),
    make_event("MODIFIED", 7, "old"),
    make_event("DELETED", 8, "old"),
    make_event("ADDED", 9, "new"),
    make_event("MODIFIED", 10, "new"),
]


def test_a_replay_of_delete_and_create_does_not_touch_the_present_object(world: World) -> None:
    world.list(5)
    world.take(*REPLAY)
    told = list(world.told)
    for start in range(len(REPLAY)):
        world.take(*REPLAY[start:])
    assert world.uid() == "new"
    assert world.told == told, "nobody hears of anything"
    assert world.state.version == "10"


@pytest.mark.parametrize("known", range(1, len(REPLAY) + 1))
def test_a_replay_after_a_list_is_compared_too(known: int) -> None:
    """The list shows what the first events have led to; then all of them come again."""
    world = World()
    shown = REPLAY[known - 1]
    world.list(5 + known, *([] if shown["type"] == "DELETED" else [shown["object"]]))
    world.take(*REPLAY[:known])
    assert world.told == ([] if shown["type"] == "DELETED" else [world.uid()])
    world.take(*REPLAY[known:])
    assert world.uid() == "new"
    assert not world.index.was_deleted("new")


@given(st.lists(st.integers(0, len(REPLAY) - 1), max_size=20))
def test_after_any_number_of_breaks_the_end_is_the_same(resumed_at: list[int]) -> None:
    world = World()
    world.list(5)
    for start in (*resumed_at, 0):
        for event in REPLAY[: start + 1]:
            world.take(event)
    world.take(*REPLAY)
    assert world.told == ["old", "old", "gone", "new", "new"]


def test_a_deletion_concerns_one_object(world: World) -> None:
    """Also where versions cannot be compared."""
    world.list(5, make_manifest(5, "new"))
    event = make_event("DELETED", 0, "old")
    event["object"]["metadata"]["resourceVersion"] = "opaque"
    world.take(event)
    assert world.uid() == "new"


def test_what_was_seen_deleted_is_remembered_and_its_successor_is_not(world: World) -> None:
    world.list(5)
    world.take(*REPLAY)
    assert world.index.was_deleted("old")
    assert not world.index.was_deleted("new")
    world.list(20, make_manifest(20, "newest"))
    assert world.index.was_deleted("new"), "a list shows it too"
    world.list(21)
    assert world.index.was_deleted("newest")
    world.take(make_event("DELETED", 22, "never seen here"))
    assert world.index.was_deleted("never seen here")


def test_what_is_being_deleted_is_gone(world: World) -> None:
    """Until its pods have ended, with cascade=foreground; a name is not free before that."""
    world.list(5, make_manifest(5))
    event = make_event("MODIFIED", 6)
    event["object"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.take(event)
    assert world.uid() == ""
    assert world.index.was_deleted("u")
    listed = World()
    listed.list(6, event["object"])
    assert listed.uid() == ""
    assert listed.index.was_deleted("u")
    world.take(make_event("DELETED", 7))
    assert world.told == ["u", "gone"]


ODD_SPECS: dict[str, Any] = {
    "no spec": None,
    "a spec that is a list": ["x"],
    "a code that is a text": {"code": "x"},
    "a name that is a list": {"functionName": ["x"]},
    "a timeout that is a text": {"timeout": "3"},
    "variables that are a number": {"environment": {"variables": 7}},
    "a layer without a name": {"layers": [{}]},
}


def make_odd(version: int, odd: Any, uid: str = "u") -> dict[str, Any]:
    manifest = make_manifest(version, uid)
    manifest["spec"] = {**manifest["spec"], **odd} if isinstance(odd, dict) else odd
    return manifest


@pytest.mark.parametrize("odd", ODD_SPECS.values(), ids=ODD_SPECS)
def test_an_odd_record_is_logged_once_and_shows_as_a_function_that_cannot_run(
    world: World, odd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world.list(5, make_odd(5, odd), make_manifest(4, "other", name="other"))
    world.list(6, make_odd(5, odd), make_manifest(4, "other", name="other"))
    world.take({"type": "MODIFIED", "object": make_odd(7, odd)})
    world.take(make_event("ADDED", 8, "next", name="next"))
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 2
    function = world.index.get(REF)
    assert function is not None
    assert (function.cannot_run, function.stalled_reason) == (True, "InvalidSpec")
    assert sorted(ref.name for ref in world.index.refs()) == ["hello", "next", "other"]
    assert world.state.version == "8"
    world.take(make_event("MODIFIED", 9))
    function = world.index.get(REF)
    assert function is not None
    assert function.ready


@pytest.mark.parametrize("odd", ODD_SPECS.values(), ids=ODD_SPECS)
def test_an_odd_record_leaves_the_former_self_of_its_object(world: World, odd: Any) -> None:
    world.list(5, make_manifest(5))
    world.take({"type": "MODIFIED", "object": make_odd(6, odd)})
    world.list(7, make_odd(6, odd))
    function = world.index.get(REF)
    assert function is not None
    assert function.ready
    world.take({"type": "MODIFIED", "object": make_odd(8, odd, "another object")})
    assert world.index.was_deleted("u")
    function = world.index.get(REF)
    assert function is not None
    assert function.cannot_run
    world.take({"type": "DELETED", "object": make_odd(9, odd, "another object")})
    assert world.uid() == ""


@pytest.mark.parametrize("manifest", [{}, {"metadata": {}}, {"metadata": None}, [], "x", None, 7])
def test_a_record_without_a_name_is_passed_over(world: World, manifest: Any) -> None:
    assert world.state.read(manifest) is None


def test_a_record_whose_name_is_no_text_stops_nobody(world: World) -> None:
    manifest = make_manifest(6)
    manifest["metadata"]["name"] = ["hello"]
    for kind in ("ADDED", "DELETED"):
        world.take({"type": kind, "object": manifest})
    world.take(make_event("ADDED", 7))
    assert world.uid() == "u"


def test_what_is_wrong_is_said_without_values(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.list(5, make_odd(5, {"environment": {"variables": "hush"}}))
    function = world.index.get(REF)
    assert function is not None
    assert "hush" not in function.stalled_message + caplog.text
    assert "build.py" in caplog.text


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ERROR", "object": {"code": 410, "message": "too old"}},
        {"type": "ERROR", "object": {}},
        {"type": "ERROR"},
        {"type": "ADDED", "object": {"metadata": {"name": "x"}}},
        {"type": "ADDED", "object": None},
        {"object": {}},
        make_event("RENAMED", 6),
        {},
        [],
        None,
        "x",
    ],
)
def test_an_event_that_says_nothing_asks_for_a_list_and_changes_nothing(
    world: World, event: Any
) -> None:
    world.list(5, make_manifest(5))
    with pytest.raises(StaleVersionError):
        world.state.take_event(event)
    assert (world.uid(), world.state.version) == ("u", "5")


def test_a_list_that_is_older_than_what_was_taken_is_refused_a_few_times(world: World) -> None:
    """A server that lags; or a store that was set back, which must not be refused for ever."""
    world.list(5, make_manifest(5))
    world.take(make_event("MODIFIED", 9))
    for _ in range(LISTS_REFUSED_MAX):
        with pytest.raises(StaleListError):
            world.list(8)
        assert world.uid() == "u"
    world.list(3, make_manifest(2, "restored"))
    assert (world.uid(), world.state.version) == ("restored", "3")
    world.take(make_event("MODIFIED", 4, "restored"))
    assert world.state.version == "4"


def test_a_list_of_one_namespace_removes_nothing_of_another() -> None:
    world = World()
    world.state.namespace = "shop"
    elsewhere = build_function(
        {**make_manifest(1), "metadata": {"name": "x", "namespace": "bank", "uid": "x"}}
    )
    world.index.put(elsewhere)
    world.list(5)
    assert world.index.get(elsewhere.ref) is elsewhere
