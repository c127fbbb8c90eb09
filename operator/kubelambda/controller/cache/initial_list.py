"""The first list of everything, before the first event.

Contract: when ``fill_store`` returns, the store holds every object that was there when it began, so
a restarted controller finds the Deployments of its functions instead of making them again. Lists
page by page: no more than one page of whole manifests is in memory. Tries until every list was
complete.
"""

import asyncio
import logging
from collections.abc import Sequence

from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.store import Store
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
    Resource,
)
from kubelambda.kube.resources.labels import MANAGED_SELECTOR

logger = logging.getLogger(__name__)

PAGE_ITEMS = 20
RETRY_S = 1.0


async def fill_store(
    client: KubeApi, intake: Intake, namespaces: Sequence[str], *, with_runtimes: bool
) -> None:
    """List every kind that is watched, and wait for CRDs that are not installed yet."""
    scopes: Sequence[str | None] = list(namespaces) or [None]
    for resource in (NETWORK_POLICIES, PODS, DEPLOYMENTS):
        for scope in scopes:
            await _take_all(client, intake, resource, scope, MANAGED_SELECTOR)
    if with_runtimes:
        await _take_all(client, intake, RUNTIMES, None, "")
    for resource in (LAYERS, FUNCTIONS):
        for scope in scopes:
            await _take_all(client, intake, resource, scope, "")


async def _take_all(
    client: KubeApi, intake: Intake, resource: Resource, scope: str | None, selector: str
) -> None:
    while True:
        try:
            async for page in client.list_pages(
                resource, scope, label_selector=selector, page_items=PAGE_ITEMS
            ):
                for manifest in page:
                    intake.take(resource.plural, manifest)
        except KubeError as error:
            logger.warning("cannot list %s yet: %s", resource.plural, error)
            await asyncio.sleep(RETRY_S)
        else:
            return


def enqueue_all(store: Store, intake: Intake) -> None:
    """Enqueue every function, layer, runtime, and namespace with a function or our policy."""
    for record in store.functions.values():
        metadata = {"namespace": record.ref.namespace, "name": record.ref.name}
        intake.enqueue_affected(FUNCTIONS.plural, {"metadata": metadata})
    for layer in store.layers.values():
        metadata = {"namespace": layer.key[0], "name": layer.key[1]}
        intake.enqueue_affected(LAYERS.plural, {"metadata": metadata})
    for runtime in store.runtimes:
        intake.enqueue_status_of(runtime)
    for policy in store.policies.values():
        metadata = {"namespace": policy.key[0], "name": policy.key[1]}
        intake.enqueue_affected(NETWORK_POLICIES.plural, {"metadata": metadata})
