"""The client keeps the rules of the port against a real API server, as its fake does."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from conformance.kube_api.cases import CASES, Case
from kubelambda.kube.client import KubeClient
from kubelambda.kube.connection import load_configuration
from kubelambda.kube.request_counter import RequestCounter


@pytest.fixture
def client() -> Iterator[KubeClient]:
    made = KubeClient(load_configuration(), RequestCounter(CollectorRegistry()), threads=2)
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_a_real_api_server(case: Case, client: KubeClient, namespace: str) -> None:
    await case(client, namespace)
