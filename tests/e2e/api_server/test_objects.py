"""The Kubernetes driver keeps the rules of the port ``Objects`` against a real API server."""

from collections.abc import Iterator

import pytest

from conformance.objects.cases import CASES, WRITTEN_BY_A_CONTROLLER, Case
from conformance.objects.stores import Store
from kubelambda.kube.client import KubeClient, connect
from kubelambda.objects.kubernetes import KubernetesObjects


@pytest.fixture
def client() -> Iterator[KubeClient]:
    made = connect()
    yield made
    made.close()


UNDISTURBED = [case for case in CASES if case not in WRITTEN_BY_A_CONTROLLER]


@pytest.mark.parametrize("case", UNDISTURBED, ids=lambda case: case.__name__)
async def test_a_real_api_server(case: Case, client: KubeClient, namespace: str) -> None:
    await case(Store(KubernetesObjects(client), namespace))
