"""The Kubernetes driver keeps the rules of the port ``Objects`` against a real API server."""

from collections.abc import Iterator

import pytest

from conformance.objects.cases import CASES, Case
from conformance.objects.stores import Store
from kubelambda.kube.client import KubeClient, connect
from kubelambda.objects.kubernetes import KubernetesObjects


@pytest.fixture
def client() -> Iterator[KubeClient]:
    made = connect()
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_a_real_api_server(case: Case, client: KubeClient, namespace: str) -> None:
    await case(Store(KubernetesObjects(client), namespace))
