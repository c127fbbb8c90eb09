"""What is known of pods that no report names."""

from kubelambda.controller.demand.link_states import BUSY_GRACE_S, LinkStates
from kubelambda.core.wire.demand import EnvironmentReport
from unit.controller.builders import make_pod

POD = make_pod()
BUSY = EnvironmentReport("pod-1", "r", "d", "busy", 0.0)
STARTING = EnvironmentReport("pod-1", "r", "d", "starting", 0.0)


def test_a_pod_that_was_never_heard_of_is_unlinked_since_it_was_seen() -> None:
    link_states = LinkStates()
    assert link_states.state_of(POD, None, 10.0) == ("unlinked", 0.0)
    assert link_states.state_of(POD, None, 14.0) == ("unlinked", 4.0)


def test_what_a_gateway_says_counts() -> None:
    link_states = LinkStates()
    assert link_states.state_of(POD, BUSY, 10.0) == ("busy", 0.0)
    assert link_states.state_of(POD, None, 13.0) == ("unlinked", 3.0)


def test_without_gateways_a_busy_one_is_busy_for_its_timeout_and_a_grace() -> None:
    link_states = LinkStates()
    link_states.state_of(POD, BUSY, 10.0)
    last = 10.0 + 60.0 + BUSY_GRACE_S
    assert link_states.state_of(POD, None, last - 1, busy_s=60.0) == ("busy", 0.0)
    assert link_states.state_of(POD, None, last, busy_s=60.0) == ("unlinked", last - 10.0)


def test_silence_while_nobody_could_be_heard_means_nothing() -> None:
    link_states = LinkStates()
    link_states.state_of(POD, BUSY, 10.0)
    link_states.hold(90.0)
    assert link_states.state_of(POD, None, 91.0) == ("unlinked", 1.0)


def test_only_a_ready_environment_has_served() -> None:
    link_states = LinkStates()
    link_states.state_of(POD, STARTING, 10.0)
    assert not link_states.has_served(POD.uid)
    link_states.state_of(POD, BUSY, 11.0)
    assert link_states.has_served(POD.uid)


def test_pods_that_are_gone_are_forgotten() -> None:
    link_states = LinkStates()
    link_states.state_of(POD, BUSY, 10.0)
    link_states.forget(set())
    assert not link_states.has_served(POD.uid)
