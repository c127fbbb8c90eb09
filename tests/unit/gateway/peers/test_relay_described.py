"""Relay: what the owner is told of an invocation."""

from kubelambda.core.wire.relay import RelayRequest
from kubelambda.gateway.peers.relay import Relay
from unit.functions import make_version
from unit.gateway.peers.relaying import OWNER, Asked


def test_the_owner_is_told_the_function_the_callers_qualifier_and_the_version_chosen_for_it() -> (
    None
):
    asked = Asked(function=make_version(3), qualifier="live")
    relay = Relay(asked.invocation, OWNER, 7, lambda _: None)
    assert relay.describe() == RelayRequest(
        request_id="r-1",
        namespace="shop",
        function_name="hello",
        function_uid="u",
        qualifier="live",
        function_version="3",
        trace_id="Root=1",
        epoch=7,
        hops=1,
    )
