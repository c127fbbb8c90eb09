"""Demand between gateways and the controller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.demand import (
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

environments = st.builds(
    EnvironmentReport,
    pod=st.text(max_size=10),
    revision=st.text(max_size=10),
    config_digest=st.text(max_size=16),
    state=st.sampled_from(["starting", "idle", "busy"]),
    idle_s=st.floats(0, 1e6),
)
demands = st.builds(
    FunctionDemand,
    namespace=st.text(max_size=10),
    name=st.text(max_size=10),
    uid=st.text(max_size=10),
    waiting=st.integers(0, 10**6),
    environments=st.lists(environments, max_size=3).map(tuple),
)
reports = st.builds(
    DemandReport,
    gateway=st.text(max_size=10),
    sequence=st.integers(0, 2**53),
    functions=st.lists(demands, max_size=3).map(tuple),
)


@given(reports)
def test_a_report_arrives_as_it_was_sent(report: DemandReport) -> None:
    assert decode_report(encode_report(report)) == report


def test_a_reply_arrives_as_it_was_sent() -> None:
    drains = (Drain("ns", "name", "pod-1"), Drain("ns", "name", "pod-2"))
    assert decode_reply(encode_reply(drains)) == drains


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
