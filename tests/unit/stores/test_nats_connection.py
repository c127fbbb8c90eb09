"""What a connection to NATS says of itself, without any server."""

import pytest

from kubelambda.stores.nats_connection import NatsConnection


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("nats://nats.example:4222", "nats://nats.example:4222"),
        ("nats://user:secret@nats.example:4222", "nats.example:4222"),
        ("nats://secret@nats.example:4222", "nats.example:4222"),
        ("nats://user:sec@ret@nats.example:4222", "nats.example:4222"),
    ],
)
def test_credentials_of_the_url_are_never_told(url: str, server: str) -> None:
    """/readyz is open to whoever reaches the metrics port."""
    said = NatsConnection(url).check_ready()
    assert said == f"NATS at {server} cannot be used: not connected yet"
