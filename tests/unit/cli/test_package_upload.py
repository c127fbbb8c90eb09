"""What stands in the way of an upload is said in one sentence."""

import socket

import pytest

from kubelambda.cli.failure import CommandError
from kubelambda.cli.package_upload import upload


def test_a_url_that_is_none_is_named() -> None:
    with pytest.raises(CommandError, match=r"'localhost:9000' is not a URL such as http://"):
        upload("localhost:9000", b"zip")


def test_where_nobody_listens_the_option_is_named() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(CommandError, match=r"cannot upload to http://127.* --endpoint-url"):
            upload(url, b"zip")
