"""What passes between processes, held against the release before in both directions.

N reads what N-1 writes, and N-1 reads what N writes to it, or refuses it in the way that makes N
write what it reads. Unknown members are ignored, so that the next release can add some
(docs/formats.md).
"""

import hashlib
import json
import time
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.coordination import membership
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire import demand, package_lookup, relay, relay_outcome
from kubelambda.core.wire.keys import derive_key
from kubelambda.gateway.link.hello import decode_hello
from kubelambda.process.signatures import Signatures
from release_0 import demand as old_demand
from release_0 import hello as old_hello
from release_0 import membership as old_membership
from release_0 import package_lookup as old_package_lookup
from release_0 import relay as old_relay

MASTER = b"m" * 32
names = st.text(min_size=1, max_size=12, alphabet=st.characters(codec="utf-8"))
texts = st.text(max_size=12, alphabet=st.characters(codec="utf-8"))
epochs = st.integers(0, 2**53)

requests = st.builds(
    relay.RelayRequest,
    request_id=names,
    namespace=names,
    function_name=names,
    function_uid=texts,
    qualifier=texts,
    trace_id=texts,
    client_context=texts,
    function_version=texts,
    wants_tail=st.booleans(),
    may_repeat=st.booleans(),
    stream=st.booleans(),
    signs_of_life=st.booleans(),
    epoch=epochs,
    hops=st.integers(0, 3),
    version=st.just(relay.VERSION),
)
outcomes = st.builds(
    Outcome, payload=st.binary(max_size=20), function_error=st.booleans(), tail=texts
)
refusals = st.builds(
    ApiError,
    status=st.integers(400, 599),
    code=texts,
    message=texts,
    reason=texts,
    retry_after_s=st.none() | st.integers(0, 300),
    is_gone=st.booleans(),
)
environments = st.builds(
    demand.EnvironmentReport,
    pod=texts,
    revision=texts,
    config_digest=texts,
    state=st.sampled_from(["starting", "idle", "busy"]),
    idle_s=st.floats(0, 1e6),
)
functions = st.builds(
    demand.FunctionDemand,
    namespace=names,
    name=names,
    uid=texts,
    waiting=st.integers(0, 10**6),
    environments=st.lists(environments, max_size=3).map(tuple),
)
whole_reports = st.builds(
    demand.DemandReport,
    gateway=names,
    sequence=st.integers(0, 2**63 - 1),
    functions=st.lists(functions, max_size=3).map(tuple),
)
members = st.builds(membership.Member, name=names, address=names)
heartbeats = st.builds(
    membership.Heartbeat,
    sender=members,
    view=st.builds(
        membership.View, epochs, st.lists(members, max_size=3, unique=True).map(sorted).map(tuple)
    ),
    serving=st.booleans(),
    in_flight=st.dictionaries(
        st.builds(FunctionRef, names, names), st.integers(1, 1000), max_size=3
    ),
    accounts=st.dictionaries(names, st.integers(1, 1000), max_size=3),
    incarnation=epochs,
)


def to_old(value: Any, kind: type) -> Any:
    """``value`` as a value of the release before: the members that it had."""
    return kind(**{field.name: getattr(value, field.name) for field in fields(kind)})


def to_old_report(report: demand.DemandReport) -> old_demand.DemandReport:
    """The same of a report, with all that is in it."""
    functions = tuple(
        replace(
            to_old(function, old_demand.FunctionDemand),
            environments=tuple(
                to_old(other, old_demand.EnvironmentReport) for other in function.environments
            ),
        )
        for function in report.functions
    )
    return old_demand.DemandReport(report.gateway, report.sequence, functions)


# the relay


@given(requests)
def test_a_relayed_event_survives_the_wire(request: relay.RelayRequest) -> None:
    header = relay.encode_request(request)
    assert header.isascii()
    assert header.isprintable()
    assert relay.decode_request(header) == request


@given(requests)
def test_a_gateway_reads_the_events_of_the_release_before(request: relay.RelayRequest) -> None:
    header = old_relay.encode_request(to_old(request, old_relay.RelayRequest))
    decoded = relay.decode_request(header)
    assert decoded.version == relay.POSITIONAL
    assert decoded == request._replace(
        function_uid="", function_version="", signs_of_life=False, version=0
    )


@given(requests)
def test_the_release_before_refuses_an_object_and_reads_version_0(
    request: relay.RelayRequest,
) -> None:
    with pytest.raises(old_relay.MalformedRelayError):  # it answers 400, and nothing has run
        old_relay.decode_request(relay.encode_request(request))
    decoded = old_relay.decode_request(relay.encode_request(request, relay.POSITIONAL))
    assert decoded == to_old(request, old_relay.RelayRequest)


@given(outcomes | refusals)
def test_an_outcome_survives_the_wire_in_the_header_and_in_the_body(
    outcome: Outcome | ApiError,
) -> None:
    header, body = relay_outcome.encode_outcome(outcome)
    assert header.isascii()
    assert relay_outcome.decode_outcome(header, body) == outcome
    lively = relay.SIGN_OF_LIFE * 3 + relay_outcome.encode_outcome_body(outcome)
    assert relay_outcome.decode_outcome(relay_outcome.OUTCOME_IN_BODY, lively) == outcome


@given(outcomes | refusals)
def test_the_release_before_reads_the_answers_to_its_own_events(
    outcome: Outcome | ApiError,
) -> None:
    header, body = relay_outcome.encode_outcome(outcome, relay.POSITIONAL)
    expected = replace(outcome, is_gone=False) if isinstance(outcome, ApiError) else outcome
    assert old_relay.decode_outcome(header, body) == expected
    assert relay_outcome.STREAM_OUTCOMES[relay.POSITIONAL] == old_relay.STREAM_OUTCOME


@given(outcomes | refusals)
def test_a_sender_reads_the_outcomes_of_the_release_before(outcome: Outcome | ApiError) -> None:
    header, body = old_relay.encode_outcome(outcome)
    expected = replace(outcome, is_gone=False) if isinstance(outcome, ApiError) else outcome
    assert relay_outcome.decode_outcome(header, body) == expected
    assert relay_outcome.is_stream(old_relay.STREAM_OUTCOME)


@given(requests, outcomes | refusals)
def test_members_that_a_later_release_adds_to_the_relay_are_ignored(
    request: relay.RelayRequest, outcome: Outcome | ApiError
) -> None:
    later = {"later": [1, {"a": None}]}
    header = json.dumps(json.loads(relay.encode_request(request)) | later)
    assert relay.decode_request(header) == request
    given_header, body = relay_outcome.encode_outcome(outcome)
    assert (
        relay_outcome.decode_outcome(json.dumps(json.loads(given_header) | later), body) == outcome
    )
    assert relay_outcome.is_stream(json.dumps(json.loads(relay_outcome.STREAM_OUTCOMES[1]) | later))


def test_a_version_that_cannot_be_read_is_refused_not_guessed() -> None:
    with pytest.raises(relay.MalformedRelayError):
        relay.decode_request('{"v":2,"requestId":"r","namespace":"n","functionName":"f"}')
    with pytest.raises(relay.MalformedRelayError):
        relay_outcome.decode_outcome(
            '{"v":2,"kind":"outcome","functionError":false,"tail":""}', b""
        )


# demand


@given(whole_reports)
def test_the_controller_before_reads_whole_reports(report: demand.DemandReport) -> None:
    decoded = old_demand.decode_report(demand.encode_report(report))
    assert decoded == to_old_report(report)


@given(whole_reports, st.integers(0, 2**63 - 1))
def test_the_controller_before_never_takes_changes_for_the_whole(
    report: demand.DemandReport, base: int
) -> None:
    with pytest.raises(old_demand.MalformedDemandError):
        old_demand.decode_report(demand.encode_report(replace(report, base=base)))


@given(whole_reports)
def test_the_controller_reads_reports_of_the_gateway_before(report: demand.DemandReport) -> None:
    assert demand.decode_report(old_demand.encode_report(to_old_report(report))) == report


@given(st.lists(st.builds(demand.Drain, names, names, names), max_size=3).map(tuple))
def test_replies_are_read_in_both_directions(drains: tuple[demand.Drain, ...]) -> None:
    to_old_gateway = demand.encode_reply(demand.DemandReply(drains, 7))
    read = old_demand.decode_reply(to_old_gateway)
    assert [(drain.namespace, drain.name, drain.pod) for drain in read] == [
        (drain.namespace, drain.name, drain.pod) for drain in drains
    ]
    from_old = demand.decode_reply(old_demand.encode_reply(read))
    assert from_old == demand.DemandReply(drains, 0), "no sequence: whole reports only"


@given(whole_reports)
def test_members_that_a_later_release_adds_to_demand_are_ignored(
    report: demand.DemandReport,
) -> None:
    raw = json.loads(demand.encode_report(report))
    raw["later"] = 1
    for function in raw["functions"]:
        function["later"] = {}
        for environment in function["environments"]:
            environment["later"] = []
    assert demand.decode_report(json.dumps(raw).encode()) == report
    reply = {"sequence": 3, "drain": [{"namespace": "n", "name": "f", "pod": "p", "later": 1}]}
    decoded = demand.decode_reply(json.dumps(reply | {"later": 1}).encode())
    assert decoded == demand.DemandReply((demand.Drain("n", "f", "p"),), 3)


# heartbeats


@given(heartbeats)
def test_the_gateway_before_reads_heartbeats(heartbeat: membership.Heartbeat) -> None:
    decoded = old_membership.decode_heartbeat(membership.encode_heartbeat(heartbeat))
    assert decoded.view.epoch == heartbeat.view.epoch
    assert [member.name for member in decoded.view.members] == [
        member.name for member in heartbeat.view.members
    ]
    assert (decoded.in_flight, decoded.accounts) == (heartbeat.in_flight, heartbeat.accounts)
    assert (decoded.serving, decoded.incarnation) == (heartbeat.serving, heartbeat.incarnation)


@given(heartbeats)
def test_a_gateway_reads_heartbeats_of_the_gateway_before(
    heartbeat: membership.Heartbeat,
) -> None:
    body = old_membership.encode_heartbeat(to_old(heartbeat, old_membership.Heartbeat))
    assert membership.decode_heartbeat(body) == replace(heartbeat, format=0)


@given(heartbeats)
def test_members_that_a_later_release_adds_to_heartbeats_are_ignored(
    heartbeat: membership.Heartbeat,
) -> None:
    raw = json.loads(membership.encode_heartbeat(heartbeat)) | {"later": {}}
    raw["members"] = [[*member, "later"] for member in raw["members"]]
    raw["inFlight"] = [[*entry, 1] for entry in raw["inFlight"]]
    assert membership.decode_heartbeat(json.dumps(raw).encode()) == heartbeat


# packages


@given(st.lists(st.binary(max_size=4), max_size=5, unique=True))
def test_questions_for_packages_are_read_in_both_directions(contents: list[bytes]) -> None:
    asked = [hashlib.sha256(content).hexdigest() for content in contents]
    question, answer = package_lookup.encode_lookup(asked), package_lookup.encode_missing(asked)
    assert old_package_lookup.decode_lookup(question) == asked
    assert old_package_lookup.decode_missing(answer, asked) == frozenset(asked)
    assert package_lookup.decode_lookup(old_package_lookup.encode_lookup(asked)) == asked
    former = old_package_lookup.encode_missing(asked)
    assert package_lookup.decode_missing(former, asked) == frozenset(asked)
    later = json.dumps(json.loads(question) | {"later": 1}).encode()
    assert package_lookup.decode_lookup(later) == asked


# hello


HELLO: dict[str, Any] = {
    "version": 1,
    "namespace": "default",
    "function": "hello",
    "uid": "u",
    "keyGeneration": 1,
    "configDigest": "d",
    "revision": "r",
    "pod": "p",
    "podUid": "pu",
    "nonce": "0" * 32,
    "proof": "0" * 64,
    "state": "busy",
    "requestId": "r-1",
    "remainingMs": 5,
    "epoch": 1_700_000_000_000,
}


def test_a_hello_of_an_agent_before_is_read_and_brings_nobodys_word() -> None:
    old, new = old_hello.decode_hello(HELLO), decode_hello(HELLO)
    for field in fields(old_hello.Hello):
        assert getattr(new, field.name) == getattr(old, field.name)
    assert new.epoch_proof == ""


def test_the_gateway_before_ignores_what_todays_agents_add() -> None:
    assert old_hello.decode_hello(HELLO | {"epochProof": "x"}) == old_hello.decode_hello(HELLO)
    assert decode_hello(HELLO | {"later": [1]}) == decode_hello(HELLO)


# signatures


@given(texts.filter(str.isprintable), st.binary(max_size=50))
def test_signatures_hold_in_both_directions_while_the_first_key_signs(
    meta: str, body: bytes
) -> None:
    """Rule K1. Another key signs only once no process of the release before runs (K3)."""
    old_key = derive_key(MASTER, old_demand.INTERNAL_KEY_INFO)
    signatures = Signatures.derive(MASTER, 1)
    now_s = int(time.time())
    signature = signatures.sign(relay.RELAY_PATH, body, meta or "{}")
    assert old_relay.verify_relay(old_key, signature, meta or "{}", body, now_s)
    old_signature = old_relay.sign_relay(old_key, meta or "{}", body, now_s)
    assert signatures.verify(old_signature, relay.RELAY_PATH, body, meta or "{}")
