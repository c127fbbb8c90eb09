"""What the suite leaves behind: nothing. This file runs last (see ``conftest``)."""

import time
from typing import Any

import pytest

from e2e.conftest import PREFIX
from e2e.kubectl import Kubectl

GONE_S = 180


@pytest.mark.alone
@pytest.mark.timeout(GONE_S + 60)
def test_every_namespace_of_these_tests_has_gone(kubectl: Kubectl) -> None:
    """No test waits for the end of its namespace; one that stays Terminating is found here."""
    end = time.monotonic() + GONE_S
    while (left := find_namespaces(kubectl)) and time.monotonic() < end:
        time.sleep(1)
    assert left == {}


def find_namespaces(kubectl: Kubectl) -> dict[str, Any]:
    """Namespaces that these tests have made, and what their status says."""
    found = {
        namespace["metadata"]["name"]: namespace["status"]
        for namespace in kubectl.items("namespaces")
    }
    return {name: status for name, status in found.items() if name.startswith(PREFIX)}
