"""A token is handed on bare, however the library spells its scheme."""

from types import SimpleNamespace

import pytest

from kubelambda.kube.connection import describe_connection


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("bearer abc", "abc"),
        ("Bearer abc\n", "abc"),
        ("abc", "abc"),
        (None, None),
    ],
)
def test_the_token_is_handed_on_without_its_scheme(header: str | None, token: str | None) -> None:
    """In a pod the library says "bearer": sent on as a token it made "Bearer bearer ...", a 401."""
    configuration = SimpleNamespace(
        host="https://10.96.0.1:443",
        ssl_ca_cert="/ca.crt",
        cert_file=None,
        key_file=None,
        get_api_key_with_prefix=lambda name: header if name == "BearerToken" else None,
    )
    assert describe_connection(configuration).token == token
