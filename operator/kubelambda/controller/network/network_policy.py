"""Reconciles the NetworkPolicy of each namespace that has functions.

Contract: the policy is there before the first pod can be (a function is Ready before it has any),
is kept as it should be, and is deleted with the last function, after a fresh list has confirmed
that there is none.
"""

import contextlib
import logging
from typing import Any

from kubelambda.controller.cache.store import Store
from kubelambda.controller.network.plan import ApplyPolicy, DeletePolicy, ReplacePolicy, plan_policy
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.policy_record import PolicyRecord, read_policy
from kubelambda.kube.api import JSON_PATCH, KubeApi, Manifest
from kubelambda.kube.errors import ForbiddenError, NotFoundError
from kubelambda.kube.paths import FUNCTIONS, NETWORK_POLICIES
from kubelambda.kube.resources.network_policy import (
    POLICY_NAME,
    NetworkRules,
    build_network_policy,
)

logger = logging.getLogger(__name__)


class PolicyReconciler:
    """Keeps one policy per namespace."""

    def __init__(self, client: KubeApi, store: Store, rules: NetworkRules) -> None:
        self._client = client
        self._store = store
        self._rules = rules
        self._accepted: dict[str, str] = {}

    async def reconcile(self, namespace: str) -> None:
        """Apply, repair, delete or leave the policy of ``namespace``."""
        try:
            if await self._act(namespace):
                # An apply leaves what others have added; a second step removes that.
                await self._act(namespace)
        except NotFoundError:
            return  # the namespace or the policy has just gone
        except ForbiddenError as error:
            if not error.is_of_ending_namespace:
                raise

    async def _act(self, namespace: str) -> bool:
        """Do what the policy needs; whether it was applied."""
        planned = plan_policy(
            desired=build_network_policy(namespace, self._rules),
            observed=self._store.policies.get((namespace, POLICY_NAME)),
            has_functions=self._store.has_functions(namespace),
            accepted_digest=self._accepted.get(namespace, ""),
        )
        match planned:
            case ApplyPolicy(manifest):
                applied = await self._client.apply(
                    NETWORK_POLICIES, namespace, manifest, manager=APPLY_MANAGER
                )
                self._store.put_policy(read_policy(applied))
                return True
            case ReplacePolicy(manifest, record, drift):
                logger.info("%s: its NetworkPolicy was changed at %s; repairing", namespace, drift)
                await self._replace(namespace, manifest, record)
            case DeletePolicy(record):
                await self._delete(record)
        return False

    async def _replace(self, namespace: str, manifest: Manifest, record: PolicyRecord) -> None:
        content: list[dict[str, Any]] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": record.version},
            {"op": "add", "path": "/metadata/labels", "value": manifest["metadata"]["labels"]},
            {"op": "replace", "path": "/spec", "value": manifest["spec"]},
        ]
        replaced = await self._client.patch(
            NETWORK_POLICIES, *record.key, content, manager=APPLY_MANAGER, content_type=JSON_PATCH
        )
        found = read_policy(replaced)
        self._store.put_policy(found)
        self._accepted[namespace] = found.digest

    async def _delete(self, record: PolicyRecord) -> None:
        namespace, name = record.key
        self._accepted.pop(namespace, None)
        async for page in self._client.list_pages(FUNCTIONS, namespace, page_items=1):
            if page:
                return
        with contextlib.suppress(NotFoundError):
            await self._client.delete(NETWORK_POLICIES, namespace, name, uid=record.uid)
        self._store.policies.remove(record.key)
