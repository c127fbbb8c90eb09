"""Reconciles LambdaAliases: whose they are, and their status.

Contract: level-based; safe to repeat; writes only differences. Gateways read the spec themselves
and wait for nothing that is written here.
"""

from collections.abc import Callable
from typing import Any

from kubelambda.controller.cache.kinds import KIND_OF
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.alias_record import AliasRecord
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.ownership import build_owners
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.moments import format_moment
from kubelambda.core.model.revision_id import compute_revision_id
from kubelambda.judge.alias import describe_alias, find_alias_problem
from kubelambda.judge.conditions import build_conditions
from kubelambda.judge.problem import NO_NOTE, Problem, ReadyNote
from kubelambda.kube.api import KubeApi, Manifest
from kubelambda.kube.errors import NotFoundError
from kubelambda.kube.paths import ALIASES


class AliasReconciler:
    """Brings one LambdaAlias after the other to what it is to be."""

    def __init__(
        self, client: KubeApi, store: Store, region: str, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._store = store
        self._region = region
        self._clock = clock

    async def reconcile(self, key: Key) -> None:
        """Write owner and status of ``key`` if they are not what they should be."""
        record = self._store.aliases.get(key)
        if record is None or record.owned.deleting:
            return
        alias, function = record.alias, None
        if alias is not None:
            function = self._store.function_of(record.owned, alias.function_name)
        try:
            if function is not None and not record.owned.function_uid:
                record = await self._claim(record, function)
            problem = record.spec_problem
            if alias is not None:
                problem = self._find_problem(record, alias, function)
            await self._write_status(record, problem)
        except NotFoundError:
            return

    def _find_problem(
        self, record: AliasRecord, alias: Alias, function: FunctionRecord | None
    ) -> Problem | None:
        claimants = [
            other.alias
            for other in self._store.aliases.group(record.owned.function_key)
            if other.alias is not None
            and (other.alias.function_name, other.alias.name) == (alias.function_name, alias.name)
        ]
        published = self._store.published_of(function) if function is not None else []
        numbers = {version.number for version in published}
        return find_alias_problem(alias, claimants, numbers, has_function=function is not None)

    async def _claim(self, record: AliasRecord, function: FunctionRecord) -> AliasRecord:
        """Have the function own it, so that it goes with it."""
        owners = build_owners(record.owned, function.uid)
        metadata = {"resourceVersion": record.version, "ownerReferences": owners}
        return await self._patch(record, {"metadata": metadata})

    async def _write_status(self, record: AliasRecord, problem: Problem | None) -> None:
        now = format_moment(self._clock())
        status = build_alias_status(record, problem, region=self._region, now=now)
        if not record.status.says(status):
            metadata = {"resourceVersion": record.version}
            await self._patch(record, {"metadata": metadata, "status": status}, "status")

    async def _patch(
        self, record: AliasRecord, content: Manifest, subresource: str = ""
    ) -> AliasRecord:
        written = await self._client.patch(
            ALIASES, *record.key, content, manager=APPLY_MANAGER, subresource=subresource
        )
        KIND_OF[ALIASES.plural].put(self._store, written)
        return self._store.aliases.get(record.key) or record


def build_alias_status(
    record: AliasRecord, problem: Problem | None, *, region: str, now: str
) -> dict[str, Any]:
    """The status to be; ``record.status`` says it already if there is nothing to write."""
    owned, alias = record.owned, record.alias
    ready = ReadyNote(describe_alias(alias)) if alias is not None else NO_NOTE
    status: dict[str, Any] = {
        "observedGeneration": owned.generation,
        "conditions": build_conditions(record.status.conditions, problem, ready=ready, now=now),
        "revisionId": compute_revision_id(owned.uid, owned.generation),
    }
    if alias is not None:
        account_id = derive_account_id(owned.key[0])
        function = f"arn:aws:lambda:{region}:{account_id}:function:{alias.function_name}"
        status |= {"aliasName": alias.name, "aliasArn": f"{function}:{alias.name}"}
    return status
