"""The verdict of the CRDs' schemas, for an API server in memory that is asked for it.

Contract: pure. Kinds without a descriptor are admitted as they are. Always strict: an unknown field
is refused, never dropped.
"""

from kubelambda.api.admission import RefusedError, admit
from kubelambda.api.kinds import BY_NAME
from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import InvalidError
from kubelambda.kube.paths import Resource


def judge(resource: Resource, manifest: Manifest, former: Manifest | None) -> Manifest:
    """``manifest`` with its defaults; InvalidError if the API server would refuse it."""
    kind = BY_NAME.get(resource.kind)
    if kind is None:
        return manifest
    try:
        return admit(kind, manifest, former)
    except RefusedError as error:
        name = manifest.get("metadata", {}).get("name", "")
        raise InvalidError(
            f'{resource.kind} "{name}" is invalid: {error}',
            status=422,
            reason="Invalid",
            causes=tuple((cause.field, cause.message) for cause in error.causes),
        ) from error
