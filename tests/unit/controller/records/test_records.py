"""What is kept of an object, and what is not."""

import pytest

from kubelambda.controller.function.cpu_size import compute_request_millis, compute_share_millis
from kubelambda.controller.records.deployment_record import read_deployment
from kubelambda.controller.records.function_record import read_function
from kubelambda.controller.records.pod_record import read_pod
from kubelambda.kube.resources import labels
from unit.controller.builders import PLATFORM, make_function, observed_deployment, read


def test_code_and_environment_values_do_not_stay_in_memory() -> None:
    """A digest of them stays, so that a change is seen."""
    manifest = make_function(environment={"variables": {"TOKEN": "TOP-SECRET-VALUE"}})
    record = read_function(manifest)
    everything = repr([getattr(record, name) for name in record.__slots__])
    assert "TOP-SECRET" not in everything
    other = make_function(environment={"variables": {"TOKEN": "another"}})
    assert read_function(other).config_digest != record.config_digest


def test_the_key_never_shows_when_objects_are_printed() -> None:
    assert "000102" not in repr(PLATFORM)


def test_a_deployment_is_unpacked_as_it_was_packed() -> None:
    manifest = observed_deployment(read())
    unpacked = read_deployment(manifest).unpack()
    assert unpacked["spec"] == manifest["spec"]
    assert unpacked["metadata"]["ownerReferences"] == manifest["metadata"]["ownerReferences"]


def test_a_pod_is_read_with_its_trouble() -> None:
    pod = read_pod(
        {
            "metadata": {
                "name": "p",
                "namespace": "apps",
                "uid": "u",
                "resourceVersion": "1",
                "labels": {labels.FUNCTION_UID: "f", labels.REVISION: "r"},
                "annotations": {labels.DELETION_COST: "-100"},
            },
            "spec": {
                "containers": [
                    {
                        "env": [{"name": "KUBELAMBDA_CONFIG_DIGEST", "value": "d"}],
                        "resources": {"limits": {"cpu": "72m"}},
                    }
                ]
            },
            "status": {
                "phase": "Pending",
                "containerStatuses": [
                    {"restartCount": 2, "state": {"waiting": {"reason": "ErrImagePull"}}}
                ],
            },
        }
    )
    assert (pod.config_digest, pod.cpu_limit_millis, pod.restarts) == ("d", 72, 2)
    assert (pod.pending, pod.victim, pod.start_error) == (True, True, ("ErrImagePull", ""))


ENDS = [
    ({"phase": "Failed", "reason": "Evicted", "message": "storage"}, "Evicted"),
    ({"phase": "Failed"}, "Failed"),
    ({"phase": "Succeeded"}, "Succeeded"),
    ({"phase": "Running", "reason": "Other"}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("status", "ended"), ENDS)
def test_a_pod_that_is_over_is_known_with_its_reason(status: dict[str, str], ended: str) -> None:
    metadata = {"name": "p", "namespace": "apps", "uid": "u", "resourceVersion": "1"}
    pod = read_pod({"metadata": metadata, "spec": {"containers": [{}]}, "status": status})
    assert pod.ended == ended
    assert pod.pending is (status == {})


def test_the_cpu_request_is_always_below_the_share() -> None:
    """A pod whose request met its limit would change its class by a resize."""
    for memory_mb in (128, 129, 1769, 10240):
        share = compute_share_millis(memory_mb)
        assert 1 <= compute_request_millis(memory_mb, PLATFORM.settings) < share
    assert compute_share_millis(128) == 72
    assert compute_share_millis(1769) == 1000
