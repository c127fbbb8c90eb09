"""Answers of the door: objects, lists, and the Status of an API server for errors.

Contract: pure. A client of Kubernetes reads the same errors here as from a cluster.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubelambda.api.kinds import Kind
from kubelambda.objects.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    InvalidError,
    NotFoundError,
    ObjectsError,
)

_STATUSES: tuple[tuple[type[ObjectsError], int, str], ...] = (
    (NotFoundError, 404, "NotFound"),
    (AlreadyExistsError, 409, "AlreadyExists"),
    (ConflictError, 409, "Conflict"),
    (ExpiredError, 410, "Expired"),
    (InvalidError, 422, "Invalid"),
)
_REASONS: Mapping[int, str] = {
    400: "BadRequest",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
}


def build_error(error: ObjectsError) -> tuple[int, dict[str, Any]]:
    """The status of HTTP, and the Status."""
    status, reason = next(
        ((status, reason) for kind, status, reason in _STATUSES if isinstance(error, kind)),
        (503, "ServiceUnavailable"),
    )
    causes = error.causes if isinstance(error, InvalidError) else ()
    details = [{"field": cause.field, "message": cause.message} for cause in causes]
    return status, build_status(status, error.message, reason, details)


def build_status(
    status: int, message: str, reason: str = "", causes: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """A Status that says why a request failed."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason or _REASONS.get(status, ""),
        "code": status,
        **({"details": {"causes": list(causes)}} if causes else {}),
    }


def build_list(kind: Kind, items: Sequence[Mapping[str, Any]], version: str) -> dict[str, Any]:
    """A whole list."""
    return {
        "kind": f"{kind.name}List",
        "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": version},
        "items": list(items),
    }


DELETED: Mapping[str, Any] = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
}


def encode(content: Mapping[str, Any]) -> bytes:
    """As it goes over the wire."""
    return json.dumps(content).encode() + b"\n"
