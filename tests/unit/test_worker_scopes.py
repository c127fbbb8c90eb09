"""Tests that share what is costly share a worker; what takes longest is begun first."""

import pytest

from worker_scopes import find_place, find_scope

API = "tests/conformance/lambda_api/test_code.py::test_a"
MATRIX = "tests/conformance/runtimes/test_matrix.py::test_a"
SAMPLES = "tests/conformance/runtimes/test_samples.py::test_a"
LINK = "tests/integration/test_link.py::test_a"
UNIT = "tests/unit/core/test_backoff.py::test_a"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(API, API.replace("code", "layers"), id="the suite of the API"),
        pytest.param(f"{MATRIX}[java]", f"{SAMPLES}[java: an event: S3]", id="a language"),
        pytest.param(f"{MATRIX}[x-java]", f"{MATRIX}[java]", id="a language and a case"),
        pytest.param(UNIT, f"{UNIT}[other]", id="a file of unit tests"),
    ],
)
def test_what_shares_something_costly_shares_a_worker(one: str, other: str) -> None:
    assert find_scope(one) == find_scope(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(f"{MATRIX}[java]", f"{MATRIX}[ruby]", id="two languages"),
        pytest.param(f"{MATRIX}[nodejs]", f"{MATRIX}[nodejs24]", id="two versions of a language"),
        pytest.param(LINK, f"{LINK}[other]", id="two integration tests of a file"),
        pytest.param(f"{MATRIX}_b", f"{MATRIX}_c", id="two tests of no language"),
    ],
)
def test_other_tests_may_run_worker_scopes(one: str, other: str) -> None:
    assert find_scope(one) != find_scope(other)


def test_what_takes_longest_is_begun_first_and_unit_tests_last() -> None:
    wheel = "tests/integration/test_wheel.py::test_a"
    queue = "tests/conformance/queue/test_queue.py::test_a"
    given = [UNIT, queue, LINK, MATRIX, API, wheel]
    assert sorted(given, key=find_place) == [wheel, API, MATRIX, LINK, queue, UNIT]
