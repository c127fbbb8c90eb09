"""The RevisionId of the Lambda API: a UUID that changes with every change of an object's spec.

Contract: pure. It is derived, not stored, so that it is the same at both doors and after a restore.
Source: spec/lambda.md section 7.4.
"""

import uuid

_NAMESPACE = uuid.UUID("5d9bf1a8-6c62-5d3e-9f0a-6b6c1f0e8a11")


def compute_revision_id(uid: str, generation: int) -> str:
    """Of the object ``uid`` in the ``generation`` of its metadata."""
    return str(uuid.uuid5(_NAMESPACE, f"{uid}/{generation}"))
