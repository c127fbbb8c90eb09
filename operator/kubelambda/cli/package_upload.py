"""Uploading a package to the Lambda API."""

import hashlib
import http.client
import json
from urllib.parse import urlsplit

from kubelambda.cli.failure import CommandError
from kubelambda.core.wire.package_transfer import UPLOAD_PATH

UPLOAD_S = 120
"""How long one read or write may take."""


def upload(endpoint_url: str, content: bytes) -> str:
    """Send ``content``; returns its SHA-256 once the store has it."""
    name = hashlib.sha256(content).hexdigest()
    parts = urlsplit(endpoint_url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.netloc:
        raise CommandError(f"{endpoint_url!r} is not a URL such as http://127.0.0.1:9000")
    connection = kinds[parts.scheme](parts.netloc, timeout=UPLOAD_S)
    try:
        connection.request("PUT", f"{parts.path.rstrip('/')}{UPLOAD_PATH}{name}", body=content)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            f"cannot upload to {endpoint_url}: {error}; is a gateway or local mode running there? "
            "--endpoint-url chooses another one"
        ) from error
    finally:
        connection.close()
    if answer.status not in (200, 201):
        raise CommandError(f"{endpoint_url} refused the package: {_describe(answer.status, body)}")
    return name


def _describe(status: int, body: bytes) -> str:
    try:
        fields = json.loads(body)
        return str(fields.get("message") or fields["Message"])
    except (ValueError, KeyError, AttributeError):
        return f"status {status}"
