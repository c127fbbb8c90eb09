"""Reconciles the NetworkPolicy of each namespace that has functions.

Contract: the policy is there before the first pod can be (a Deployment starts with no replicas),
and goes with the last function; before it is deleted a fresh list must confirm that there is none.
"""

from kubelambda.controller.lambda_function import APPLY_MANAGER
from kubelambda.controller.plan import plan_policy
from kubelambda.controller.records import PolicyRecord, read_policy
from kubelambda.controller.store import Store
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import ForbiddenError, NotFoundError
from kubelambda.kube.paths import FUNCTIONS, NETWORK_POLICIES
from kubelambda.kube.resources.network_policy import (
    POLICY_NAME,
    NetworkRules,
    build_network_policy,
)


class PolicyReconciler:
    """Keeps one policy per namespace."""

    def __init__(self, client: KubeApi, store: Store, rules: NetworkRules) -> None:
        self._client = client
        self._store = store
        self._rules = rules

    async def reconcile(self, namespace: str) -> None:
        """Apply, delete or leave the policy of ``namespace``."""
        planned = plan_policy(
            desired=build_network_policy(namespace, self._rules),
            observed=self._store.policies.get((namespace, POLICY_NAME)),
            has_functions=self._store.has_functions(namespace),
        )
        if isinstance(planned, PolicyRecord):
            await self._delete(planned)
        elif planned is not None:
            await self._apply(namespace, planned)

    async def _apply(self, namespace: str, manifest: dict[str, object]) -> None:
        try:
            applied = await self._client.apply(
                NETWORK_POLICIES, namespace, manifest, manager=APPLY_MANAGER
            )
        except (NotFoundError, ForbiddenError) as error:
            if isinstance(error, NotFoundError) or "is being terminated" in error.message:
                return
            raise
        self._store.put_policy(read_policy(applied))

    async def _delete(self, record: PolicyRecord) -> None:
        namespace, name = record.key
        async for page in self._client.list_pages(FUNCTIONS, namespace, page_items=1):
            if page:
                return
        try:
            await self._client.delete(NETWORK_POLICIES, namespace, name, uid=record.uid)
        except NotFoundError:
            self._store.policies.remove(record.key)
