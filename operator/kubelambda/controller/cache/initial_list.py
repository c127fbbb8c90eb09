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
from kubelambda.controller.cache.kinds import KINDS
from kubelambda.controller.cache.store import Store
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import RUNTIMES, Resource

logger = logging.getLogger(__name__)

PAGE_ITEMS = 20
RETRY_S = 1.0


async def fill_store(
    client: KubeApi, intake: Intake, namespaces: Sequence[str], *, with_runtimes: bool
) -> None:
    """List every kind that is watched, and wait for CRDs that are not installed yet."""
    scopes: Sequence[str | None] = list(namespaces) or [None]
    if with_runtimes:
        await _take_all(client, intake, RUNTIMES, None, "")
    for kind in KINDS:
        for scope in scopes:
            await _take_all(client, intake, kind.resource, scope, kind.selector)


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
    """Enqueue every object of our kinds, every runtime, and each namespace with our policy."""
    for runtime in store.runtimes:
        intake.enqueue_status_of(runtime)
    for kind in reversed(KINDS):
        if not kind.is_ours:
            for namespace, name in kind.table(store):
                metadata = {"namespace": namespace, "name": name}
                intake.enqueue_affected(kind.resource.plural, {"metadata": metadata})
