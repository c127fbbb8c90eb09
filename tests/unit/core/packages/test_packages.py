"""Who may fetch a package: whoever holds the function's key, for a while."""

import pytest

from kubelambda.core.packages.store import is_sha256
from kubelambda.core.wire.package_transfer import authorize_fetch, is_authorized, read_authorization

KEY, NAME, NOW_S = b"k" * 32, "a" * 64, 1_700_000_000
# The same vector is in runtimes/agent/fetch/package_test.go.
HEADER = "uid-1:2:1700000000:45e2508e7d38e422f131283814fc69b458024ea8bb29d67063b863afeaccc882"


def test_the_proof_is_that_of_the_agent() -> None:
    assert authorize_fetch(KEY, "uid-1", 2, NAME, NOW_S) == HEADER
    assert read_authorization(HEADER) == ("uid-1", 2, NOW_S)
    assert is_authorized(KEY, HEADER, NAME, NOW_S + 299)


@pytest.mark.parametrize(
    ("key", "header", "name", "now_s"),
    [
        (b"o" * 32, HEADER, NAME, NOW_S),
        (KEY, HEADER, "b" * 64, NOW_S),
        (KEY, HEADER, NAME, NOW_S + 301),
        (KEY, HEADER, NAME, NOW_S - 301),
        (KEY, HEADER.replace("uid-1", "uid-2"), NAME, NOW_S),
        (KEY, HEADER[:-1], NAME, NOW_S),
        (KEY, "", NAME, NOW_S),
        (KEY, "uid-1:2:later:" + "0" * 64, NAME, NOW_S),
        (KEY, ":::", NAME, NOW_S),
    ],
)
def test_anything_else_is_refused(key: bytes, header: str, name: str, now_s: int) -> None:
    assert not is_authorized(key, header, name, now_s)


def test_a_name_is_64_lower_case_hexadecimal_digits() -> None:
    assert is_sha256("0af" + "9" * 61)
    for name in ("", "a" * 63, "A" * 64, "a" * 64 + "\n", "../" + "a" * 61):
        assert not is_sha256(name)
