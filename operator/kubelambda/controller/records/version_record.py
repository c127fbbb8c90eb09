"""What the controller remembers of each LambdaVersion, published or not.

Contract: pure. Of the snapshot a digest stays, and the record of what it serves. An object whose
spec cannot be read has a record too, whose ``spec_problem`` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.controller.records.function_record import FunctionRecord, read_published
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.malformed import MALFORMED
from kubelambda.controller.records.ownership import Owned, read_owned
from kubelambda.controller.status.spec_problem import (
    describe_unreadable,
    find_version_spec_problem,
)
from kubelambda.core.model.status import FunctionStatus, read_function_status
from kubelambda.judge.problem import Problem
from kubelambda.judge.publication import PublishedVersion, VersionRequest
from kubelambda.judge.snapshot import digest_snapshot


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A LambdaVersion without its snapshot."""

    owned: Owned
    request: VersionRequest
    published: PublishedVersion | None
    """None as long as it has no number."""
    serving: FunctionRecord | None = field(repr=False)
    """What its pods are made of; None as long as it has no snapshot that can be read."""
    spec_problem: Problem | None
    status: FunctionStatus = field(repr=False)

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.owned.key

    @property
    def uid(self) -> str:
        """The uid."""
        return self.owned.uid

    @property
    def version(self) -> str:
        """The resourceVersion."""
        return self.owned.version

    @property
    def is_waiting(self) -> bool:
        """Whether it is to be published, as its function is by then."""
        guards = self.request.code_sha256 or self.request.revision_id
        can_be = self.published is None and self.spec_problem is None and not self.owned.deleting
        return can_be and not guards


def read_version(manifest: Mapping[str, Any]) -> VersionRecord:
    """The record of a LambdaVersion as it comes over the wire, whatever its spec and status."""
    problem = find_version_spec_problem(manifest)
    owned, status = read_owned(manifest), read_function_status(manifest.get("status"))
    spec = manifest.get("spec")
    fields = spec if isinstance(spec, Mapping) else {}
    request = VersionRequest(
        name=owned.key[1],
        uid=owned.uid,
        function_name=_read_text(fields, "functionName"),
        description=_read_text(fields, "description"),
        code_sha256=_read_text(fields, "codeSha256"),
        revision_id=_read_text(fields, "revisionId"),
    )
    if not fields.get("version") or problem is not None:
        return VersionRecord(owned, request, None, None, problem, status)
    try:
        serving = read_published(manifest, status)
        digest = digest_snapshot(fields["snapshot"])
    except MALFORMED as error:
        return VersionRecord(owned, request, None, None, describe_unreadable(error), status)
    published = PublishedVersion(
        owned.key[1], owned.uid, owned.created, int(fields["version"]), digest
    )
    return VersionRecord(owned, request, published, serving, None, status)


def _read_text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
