"""InternalApi: relayed events are answered in the form they are asked in, and always (P1, F8)."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.core.wire.relay import (
    META_HEADER,
    POSITIONAL,
    RELAY_PATH,
    VERSION,
    RelayRequest,
    encode_request,
)
from kubelambda.core.wire.relay_outcome import OUTCOME_HEADER, OUTCOME_IN_BODY, decode_outcome
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.internal_api import InternalApi
from kubelambda.gateway.invoke.relay_answer import SignsOfLifeAnswer
from kubelambda.gateway.invoke.resolve import Resolver
from kubelambda.process.supervisor import Supervisor
from release_0 import relay as old_relay
from unit.functions import REF, make_alias, make_function, make_version
from unit.signing import make_signatures

SIGNATURES = make_signatures(b"k" * 32)
EPOCH = 1_700_000_000_000
FINE = Outcome(b'"fine"')


class FakeConnection:
    """A request's connection: keeps the answer."""

    request: Request

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.interim = 0
        self.is_over = asyncio.Event()
        self.dropped = False

    def respond(
        self, request: Request, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        assert not self.is_over.is_set(), "answered twice"
        self.status, self.headers, self.body = status, dict(headers), body
        self.is_over.set()

    def begin(
        self, request: Request, status: int, headers: list[tuple[str, str]], length: int | None
    ) -> None:
        self.status, self.headers = status, dict(headers)
        request.body = b""

    def send(self, request: Request, data: bytes) -> bool:
        self.body += data
        return True

    def end(self, request: Request) -> None:
        self.is_over.set()

    def announce(self, request: Request) -> None:
        assert not self.status, "an interim answer within the answer"
        self.interim += 1

    def drop(self, request: Request) -> None:
        self.dropped = True
        self.is_over.set()

    def outcome(self) -> Outcome | ApiError:
        return decode_outcome(self.headers[OUTCOME_HEADER], self.body)


class FixedView:
    def __init__(self) -> None:
        self.own = Member("own", "127.0.0.1:2")
        self.view = View(EPOCH, (self.own,))
        self.waited_for: list[int] = []
        self.may_count_as_dead = False
        self.heard = asyncio.Event()

    async def wait_until_heard(self, timeout_s: float) -> None:
        await self.heard.wait()

    def is_credible(self, epoch: int) -> bool:
        return epoch < 2 * EPOCH

    async def wait_for_epoch(self, epoch: int, timeout_s: float) -> None:
        self.waited_for.append(epoch)


class World:
    """The API between a sender by hand and whoever takes the events."""

    def __init__(self, submit: Callable[[Invocation], None] | None = None) -> None:
        self.index = FunctionIndex()
        self.index.synced = True
        self.membership = FixedView()
        self.submitted: list[Invocation] = []
        self.supervisor = Supervisor()
        self.api = InternalApi(
            SIGNATURES,
            membership=self.membership,  # type: ignore[arg-type]
            resolver=Resolver(self.index, region="us-east-1", default_namespace="shop"),
            submit=submit or self.submitted.append,
            supervisor=self.supervisor,
            catch_up_s=0.05,
        )

    def send(self, version: int = VERSION, **changes: Any) -> FakeConnection:
        values: dict[str, Any] = {
            "request_id": "r-1",
            "namespace": "shop",
            "function_name": "hello",
            "function_uid": "u",
        }
        return self.send_meta(encode_request(RelayRequest(**(values | changes)), version))

    def send_meta(self, meta: str) -> FakeConnection:
        connection, body = FakeConnection(), b'{"a":1}'
        signature = SIGNATURES.sign(RELAY_PATH, body, meta)
        headers = {
            META_HEADER.encode(): meta.encode(),
            SIGNATURE_HEADER.encode(): signature.encode(),
        }
        path = RELAY_PATH.encode()
        request = Request(b"POST", path, b"", headers, body, connection, keep_alive=True)
        connection.request = request
        self.api.serve(request)
        return connection


async def test_an_event_runs_with_its_payload_and_is_answered_in_the_form_it_came_in() -> None:
    world = World()
    world.index.put(make_function())
    for version in (VERSION, POSITIONAL):
        connection = world.send(version)
        invocation = world.submitted[-1]
        assert invocation.payload == b'{"a":1}'
        invocation.begin()
        invocation.finish(FINE)
        assert connection.interim == 1
        assert connection.outcome() == FINE
        header = connection.headers[OUTCOME_HEADER]
        assert isinstance(json.loads(header), dict if version == VERSION else list)
    assert old_relay.decode_outcome(header, connection.body) == FINE


async def test_metadata_that_cannot_be_read_is_400_before_anything_has_run() -> None:
    """Whoever gets that sends the event in an earlier version."""
    world = World()
    world.index.put(make_function())
    for meta in ("", "{}", '{"v":2,"requestId":"r","namespace":"shop","functionName":"hello"}'):
        assert world.send_meta(meta).status == 400
    assert world.submitted == []


async def test_a_sender_that_asks_for_signs_of_life_has_them_until_the_outcome() -> None:
    world = World()
    world.index.put(make_function())
    connection = world.send(signs_of_life=True)
    assert (connection.status, connection.headers[OUTCOME_HEADER]) == (200, OUTCOME_IN_BODY)
    assert connection.body == b"\n"
    (invocation,) = world.submitted
    assert invocation.payload == b'{"a":1}', "the answer lets the body go, not the event"
    invocation.begin()
    invocation.finish(FINE)
    assert connection.interim == 0
    assert connection.outcome() == FINE


async def test_signs_of_life_go_on_while_the_event_runs_and_end_with_it() -> None:
    connection = FakeConnection()
    request = Request(b"POST", b"/", b"", {}, b"", connection, keep_alive=True)
    answer = SignsOfLifeAnswer(request, period_s=0.001)
    while connection.body.count(b"\n") < 4:
        await asyncio.sleep(0.001)
    answer.complete(FINE)
    after = connection.body
    await asyncio.sleep(0.01)
    assert connection.body == after
    assert connection.outcome() == FINE


async def test_a_sender_that_has_gone_is_shown_nothing_more() -> None:
    connection = FakeConnection()
    request = Request(b"POST", b"/", b"", {}, b"", connection, keep_alive=True)
    SignsOfLifeAnswer(request, period_s=0.001)
    request.gone = True
    await asyncio.sleep(0.01)
    assert connection.body == b"\n"


@pytest.mark.parametrize("signs", [False, True])
async def test_a_function_that_is_not_known_yet_is_put_off_for_whoever_may_repeat(
    signs: bool,
) -> None:
    """Entry 3: an owner whose watch lags loses no accepted event."""
    world = World()
    connection = world.send(may_repeat=True, signs_of_life=signs)
    await connection.is_over.wait()
    outcome = connection.outcome()
    assert isinstance(outcome, ApiError)
    assert (outcome.status, outcome.is_gone) == (503, False)
    assert "not known at this gateway yet" in outcome.message


async def test_a_caller_who_waits_is_told_404_as_on_aws() -> None:
    world = World()
    connection = world.send(may_repeat=False)
    await connection.is_over.wait()
    outcome = connection.outcome()
    assert isinstance(outcome, ApiError)
    assert (outcome.status, outcome.is_gone) == (404, False)


@pytest.mark.parametrize("may_repeat", [False, True])
async def test_a_function_that_was_seen_to_be_deleted_is_gone_at_once(may_repeat: bool) -> None:
    world = World()
    world.index.put(make_function())
    world.index.remove(REF)
    connection = world.send(may_repeat=may_repeat)
    await connection.is_over.wait()
    outcome = connection.outcome()
    assert isinstance(outcome, ApiError)
    assert (outcome.status, outcome.is_gone) == (404, True)


async def test_without_the_uid_nobody_knows_whether_a_function_is_gone() -> None:
    """Events of the release before carry none."""
    world = World()
    world.index.put(make_function())
    world.index.remove(REF)
    connection = world.send(POSITIONAL, may_repeat=True)
    await connection.is_over.wait()
    outcome = connection.outcome()
    assert isinstance(outcome, ApiError)
    assert outcome.status == 503


async def test_a_function_that_appears_meanwhile_is_run() -> None:
    world = World()
    connection = world.send(may_repeat=True)
    world.index.put(make_function())
    while not world.submitted:
        await asyncio.sleep(0.001)
    world.submitted[0].finish(FINE)
    assert connection.outcome() == FINE


async def test_the_version_that_the_sender_has_chosen_is_run_under_the_callers_arn() -> None:
    """Whatever this gateway's own alias says: it may have been moved meanwhile."""
    world = World()
    for function in (make_function(), make_version(1), make_version(2)):
        world.index.put(function)
    world.index.put_alias(make_alias("live", "1"))
    for version, expected in (("2", "2"), ("", "1"), ("$LATEST", "$LATEST")):
        world.send(qualifier="live", function_version=version)
        invocation = world.submitted[-1]
        assert invocation.function.version == expected
        assert invocation.invoked_arn.endswith(":hello:live")


@pytest.mark.parametrize("is_alias", [False, True], ids=["version", "alias"])
async def test_an_event_of_a_version_or_alias_is_dropped_only_if_its_deletion_was_seen(
    is_alias: bool,
) -> None:
    """S4: a gateway whose watch lags puts it off."""
    world, qualifier = World(), "live" if is_alias else "1"
    for function in (make_function(), make_version(1)):
        world.index.put(function)
    alias = make_alias("live", "1")
    world.index.put_alias(alias)
    if is_alias:
        world.index.remove_alias(alias.ref)
    else:
        world.index.remove(make_version(1).ref)
    for asked, expected in ((qualifier, (404, True)), ("not known yet", (503, False))):
        connection = world.send(qualifier=asked, may_repeat=True)
        await connection.is_over.wait()
        outcome = connection.outcome()
        assert isinstance(outcome, ApiError)
        assert (outcome.status, outcome.is_gone) == expected


async def test_an_event_by_an_alias_whose_version_was_deleted_is_put_off() -> None:
    """The alias may be moved: nothing that was accepted is dropped for it."""
    world = World()
    for function in (make_function(), make_version(1)):
        world.index.put(function)
    world.index.put_alias(make_alias("live", "1"))
    world.index.remove(make_version(1).ref)
    for version in ("", "1"):
        connection = world.send(qualifier="live", function_version=version, may_repeat=True)
        await connection.is_over.wait()
        outcome = connection.outcome()
        assert isinstance(outcome, ApiError)
        assert (outcome.status, outcome.is_gone) == (503, False)
        assert "the alias live names version 1" in outcome.message


async def test_a_view_that_is_newer_is_waited_for_and_one_that_no_gateway_makes_is_not() -> None:
    world = World()
    world.index.put(make_function())
    world.send(epoch=EPOCH + 1)
    while not world.submitted:
        await asyncio.sleep(0.001)
    assert world.membership.waited_for == [EPOCH + 1]
    world.send(epoch=2**53)
    assert len(world.submitted) == 2
    assert world.membership.waited_for == [EPOCH + 1]


def fail_before(_: Invocation) -> None:
    raise RuntimeError("a bug of ours")


def fail_after_begin(invocation: Invocation) -> None:
    invocation.begin()
    raise RuntimeError("a bug of ours")


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "after catching up"])
@pytest.mark.parametrize("signs", [False, True], ids=["short", "signs of life"])
@pytest.mark.parametrize("submit", [fail_before, fail_after_begin])
async def test_what_nobody_foresaw_is_answered_with_500_or_where_it_may_have_run_by_closing(
    submit: Callable[[Invocation], None], signs: bool, waits: bool
) -> None:
    world = World(submit)
    world.index.put(make_function())
    connection = world.send(signs_of_life=signs, epoch=EPOCH + 1 if waits else 0)
    await connection.is_over.wait()
    if submit is fail_after_begin:
        assert connection.dropped
    else:
        outcome = connection.outcome()
        assert isinstance(outcome, ApiError)
        assert (outcome.status, outcome.code) == (500, "ServiceException")


@pytest.mark.parametrize("signs", [False, True])
async def test_an_outcome_that_nobody_knows_is_a_closed_connection(signs: bool) -> None:
    world = World()
    world.index.put(make_function())
    connection = world.send(signs_of_life=signs)
    world.submitted[0].finish(Dropped())
    assert connection.dropped


async def test_an_event_that_is_misdirected_is_told_by_421_or_in_the_body() -> None:
    world = World()
    world.index.put(make_function())
    misdirected = ApiError(421, "ServiceException", "this gateway does not own the function")
    short = world.send()
    world.submitted[-1].finish(misdirected)
    assert short.status == 421
    lively = world.send(signs_of_life=True)
    world.submitted[-1].finish(misdirected)
    assert lively.outcome() == misdirected


async def test_a_wrong_signature_is_401_whatever_is_asked() -> None:
    world = World()
    connection = FakeConnection()
    headers = {META_HEADER.encode(): b"{}", SIGNATURE_HEADER.encode(): b"1:00"}
    path = RELAY_PATH.encode()
    world.api.serve(Request(b"POST", path, b"", headers, b"", connection, keep_alive=True))
    assert connection.status == 401


async def test_m7_an_event_is_not_begun_by_a_gateway_that_was_given_up_while_it_stood_still() -> (
    None
):
    """P1: its sender has sent the event to the next owner, and has closed the connection."""
    world = World()
    world.index.put(make_function())
    world.membership.may_count_as_dead = True
    connection = world.send()
    still_there = world.send(request_id="r-2")
    await asyncio.sleep(0)
    assert world.submitted == []
    connection.request.gone = True
    world.membership.heard.set()
    await asyncio.sleep(0.01)
    assert [one.request_id for one in world.submitted] == ["r-2"]
    world.submitted[0].finish(FINE)
    assert still_there.outcome() == FINE


async def test_m7_an_event_that_may_run_twice_waits_for_nothing() -> None:
    world = World()
    world.index.put(make_function())
    world.membership.may_count_as_dead = True
    world.send(may_repeat=True)
    assert len(world.submitted) == 1
