"""What the controller remembers of each LambdaAlias.

Contract: pure. An object whose spec cannot be read has a record too, whose ``spec_problem`` says
so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.catalog.build import build_alias
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.malformed import MALFORMED
from kubelambda.controller.records.ownership import Owned, read_owned
from kubelambda.controller.status.spec_problem import describe_unreadable, find_alias_spec_problem
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.status import ObjectStatus, read_alias_status
from kubelambda.judge.problem import Problem


@dataclass(frozen=True, slots=True)
class AliasRecord:
    """A LambdaAlias; ``alias`` is None if there is a ``spec_problem``."""

    owned: Owned
    alias: Alias | None
    spec_problem: Problem | None
    status: ObjectStatus = field(repr=False)

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


def read_alias(manifest: Mapping[str, Any]) -> AliasRecord:
    """The record of a LambdaAlias as it comes over the wire, whatever its spec and status."""
    owned, status = read_owned(manifest), read_alias_status(manifest.get("status"))
    problem = find_alias_spec_problem(manifest)
    if problem is None:
        try:
            return AliasRecord(owned, build_alias(manifest), None, status)
        except MALFORMED as error:
            problem = describe_unreadable(error)
    return AliasRecord(owned, None, problem, status)
