"""Demand between gateways and the controller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire.demand import (
    DURATION_MS_MAX,
    DemandReply,
    DemandReport,
    Drain,
    EnvironmentReport,
    FunctionDemand,
    MalformedDemandError,
    decode_reply,
    decode_report,
    encode_reply,
    encode_report,
)
from kubelambda.core.wire.demand_change import has_changed

texts = st.text(max_size=10, alphabet=st.characters(codec="utf-8"))
environments = st.builds(
    EnvironmentReport,
    pod=texts,
    revision=texts,
    config_digest=texts,
    state=st.sampled_from(["starting", "idle", "busy"]),
    idle_s=st.floats(0, 1e6),
)
demands = st.builds(
    FunctionDemand,
    namespace=texts,
    name=texts,
    uid=texts,
    waiting=st.integers(0, 10**6),
    environments=st.lists(environments, max_size=3).map(tuple),
    duration_ms=st.none() | st.floats(0, DURATION_MS_MAX),
)
reports = st.builds(
    DemandReport,
    gateway=texts,
    sequence=st.integers(0, 2**53),
    functions=st.lists(demands, max_size=3).map(tuple),
    base=st.none() | st.integers(0, 2**53),
)


@given(reports)
def test_a_report_arrives_as_it_was_sent(report: DemandReport) -> None:
    assert decode_report(encode_report(report)) == report


LENGTHS = [
    ("first known while somebody waits", 1, None, 5.0, True),
    ("much longer", 1, 1.0, 900.0, True),
    ("much shorter", 1, 900.0, 1.0, True),
    ("a little longer", 1, 10.0, 15.0, False),
    ("nobody waits", 0, 1.0, 900.0, False),
    ("not known before and after", 1, None, None, False),
]


@pytest.mark.parametrize(
    ("waiting", "former", "present", "expected"),
    [case[1:] for case in LENGTHS],
    ids=[case[0] for case in LENGTHS],
)
def test_another_length_of_events_is_news_to_those_who_wait(
    waiting: int, former: float | None, present: float | None, expected: bool
) -> None:
    told, known = (
        FunctionDemand("n", "f", "u", waiting, (), duration_ms) for duration_ms in (former, present)
    )
    assert has_changed(told, known, 0.0) is expected


def test_a_reply_arrives_as_it_was_sent() -> None:
    reply = DemandReply((Drain("ns", "name", "pod-1"), Drain("ns", "name", "pod-2")), 7)
    assert decode_reply(encode_reply(reply)) == reply


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b'{"gateway":"g","sequence":"x","functions":[]}',
        b'{"gateway":"g","sequence":1,"functions":[1]}',
        b'{"gateway":"g","sequence":1,"functions":{}}' + b"x",
        b'{"gateway":"g","sequence":1,"functions":[{"namespace":"n","name":"f","uid":"u","waiting":1,'
        b'"environments":[{"pod":"p","revision":"r","config_digest":"d","state":"odd","idle_s":0}]}]}',
    ],
)
def test_what_is_no_report_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedDemandError):
        decode_report(body)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"drain":[{}]}', b'{"drain":7}'])
def test_what_is_no_reply_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedDemandError):
        decode_reply(body)


def test_a_negative_number_of_waiting_requests_means_none() -> None:
    body = (
        b'{"gateway":"g","sequence":1,"functions":'
        b'[{"namespace":"n","name":"f","uid":"u","waiting":-5,"environments":[]}]}'
    )
    assert decode_report(body).functions[0].waiting == 0


NUMBERS_IN_A_REPORT = {
    "sequence": ("{0}", "[]"),
    "waiting": (
        "1",
        '[{{"namespace":"n","name":"f","uid":"u","waiting":{0},"environments":[]}}]',
    ),
    "idle_s": (
        "1",
        '[{{"namespace":"n","name":"f","uid":"u","waiting":0,"environments":[{{"pod":"p",'
        '"revision":"r","config_digest":"d","state":"idle","idle_s":{0}}}]}}]',
    ),
}


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1e999", "true", '"1"', "null", "[]", str(10**30)]
)
@pytest.mark.parametrize("member", NUMBERS_IN_A_REPORT)
def test_a_number_of_a_report_is_one_within_bounds(member: str, number: str) -> None:
    sequence, functions = (text.format(number) for text in NUMBERS_IN_A_REPORT[member])
    body = f'{{"gateway":"g","sequence":{sequence},"functions":{functions}}}'
    with pytest.raises(MalformedDemandError):
        decode_report(body.encode())


@pytest.mark.parametrize("number", ["NaN", "1e999", "true", '"1"', "-1", "1.5", str(10**30)])
def test_the_sequence_of_a_reply_is_one_within_bounds(number: str) -> None:
    with pytest.raises(MalformedDemandError):
        decode_reply(f'{{"drain":[],"sequence":{number}}}'.encode())


def demand_of(state: str = "idle", idle_s: float = 10.0, waiting: int = 0) -> FunctionDemand:
    environment = EnvironmentReport("p", "r", "d", state, idle_s)  # type: ignore[arg-type]
    return FunctionDemand("n", "f", "u", waiting, (environment,))


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        pytest.param(demand_of(idle_s=13.0), False, id="it has only grown older"),
        pytest.param(demand_of(idle_s=0.5), True, id="it was used meanwhile"),
        pytest.param(demand_of("busy", 0.0), True, id="it is busy now"),
        pytest.param(demand_of(idle_s=13.0, waiting=1), True, id="somebody waits"),
        pytest.param(FunctionDemand("n", "f", "u", 0), True, id="it is gone"),
        pytest.param(
            FunctionDemand("n", "f", "v", 0, demand_of(idle_s=13.0).environments),
            True,
            id="another object",
        ),
    ],
)
def test_d3_an_idle_environment_is_news_only_where_its_age_is_not_what_the_clock_says(
    present: FunctionDemand, expected: bool
) -> None:
    assert has_changed(demand_of(), present, 3.0) is expected
