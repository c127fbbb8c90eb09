"""The API server gives the verdict of the pydantic models (see tests/unit/api/test_admission.py).

Server-side dry runs with strict field validation: nothing is stored but the old half of an update.
"""

import json
from collections.abc import Iterator

import pytest

from admission.cases import Case, load_cases
from e2e.conftest import create_namespace, delete_namespace
from e2e.kubectl import Kubectl

DRY_RUN = ("--dry-run=server", "--validate=strict", "-f", "-")


def judge(kubectl: Kubectl, namespace: str, case: Case) -> str:
    """What the API server has against the case; empty if it admits it."""
    arguments = ["-n", namespace, *DRY_RUN]
    if case.old is None:
        done = kubectl.run("create", *arguments, check=False, stdin=json.dumps(case.object))
        return done.stderr if done.returncode else ""
    kubectl.run("create", "-n", namespace, "-f", "-", stdin=json.dumps(case.old))
    try:
        done = kubectl.run("replace", *arguments, check=False, stdin=json.dumps(case.object))
        return done.stderr if done.returncode else ""
    finally:
        name = case.old["metadata"]["name"]
        kind = case.old["kind"].lower()
        kubectl.run("delete", "-n", namespace, kind, name, "--wait=false")


@pytest.fixture(scope="module")
def admission_namespace(kubectl: Kubectl) -> Iterator[str]:
    """One for all cases of a worker: dry runs leave nothing behind that another could meet."""
    name = create_namespace(kubectl)
    yield name
    delete_namespace(kubectl, name)


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_the_api_server_gives_the_verdict_of_the_case(
    kubectl: Kubectl, admission_namespace: str, case: Case
) -> None:
    found = judge(kubectl, admission_namespace, case)
    assert (found == "") == case.valid, found
    assert case.message_server in found
