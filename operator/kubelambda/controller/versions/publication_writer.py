"""Carries a publication out: the writes that make a LambdaVersion a published one.

Contract: may stop after any of them and be begun again. The number is counted in the function's
status first, at the resource version that was judged: if anybody has written the function
meanwhile, ConflictError, and nothing is published. Then the copies of ConfigMaps and what is known
of the layers; at last number and snapshot, together with the owner.
"""

import contextlib
from typing import Any

from kubelambda.controller.cache.kinds import KIND_OF
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.ownership import build_owners
from kubelambda.controller.records.version_record import VersionRecord
from kubelambda.judge.publication import Publication
from kubelambda.judge.snapshot import ConfigMapCopy
from kubelambda.kube.api import KubeApi, Manifest
from kubelambda.kube.errors import AlreadyExistsError
from kubelambda.kube.paths import CONFIG_MAPS, FUNCTIONS, VERSIONS
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.function_objects import build_owner_reference


async def write_publication(
    client: KubeApi,
    store: Store,
    record: VersionRecord,
    function: Manifest,
    publication: Publication,
) -> Manifest:
    """Publish ``record``, whose number is counted; ``function`` is the one that was judged.

    Returns the published object.
    """
    for copied in publication.copies:
        manifest = build_config_map(record, copied)
        with contextlib.suppress(AlreadyExistsError):  # of the same name is of the same content
            await client.create(CONFIG_MAPS, record.key[0], manifest, manager=APPLY_MANAGER)
    resource_version = await _remember_layers(client, record, function)
    spec: dict[str, Any] = {"version": publication.number, "snapshot": publication.snapshot}
    if publication.description:
        spec["description"] = publication.description
    metadata: dict[str, Any] = {"resourceVersion": resource_version}
    if not record.owned.function_uid:
        metadata["ownerReferences"] = build_owners(record.owned, function["metadata"]["uid"])
    content = {"metadata": metadata, "spec": spec}
    written = await client.patch(VERSIONS, *record.key, content, manager=APPLY_MANAGER)
    KIND_OF[VERSIONS.plural].put(store, written)
    return written


async def count_number(client: KubeApi, store: Store, function: Manifest, number: int) -> None:
    """Use up ``number``; ConflictError if ``function`` is not as it was when it was judged."""
    metadata = function["metadata"]
    content = {
        "metadata": {"resourceVersion": metadata["resourceVersion"]},
        "status": {"lastVersion": number},
    }
    key = (metadata["namespace"], metadata["name"])
    written = await client.patch(
        FUNCTIONS, *key, content, manager=APPLY_MANAGER, subresource="status"
    )
    KIND_OF[FUNCTIONS.plural].put(store, written)


async def _remember_layers(client: KubeApi, record: VersionRecord, function: Manifest) -> str:
    """Have the version know its layers' contents before a LambdaLayer may go; resourceVersion."""
    layers = (function.get("status") or {}).get("layers")
    if not layers or record.status.written.get("layers") == layers:
        return record.version
    content = {"metadata": {"resourceVersion": record.version}, "status": {"layers": layers}}
    written = await client.patch(
        VERSIONS, *record.key, content, manager=APPLY_MANAGER, subresource="status"
    )
    return str(written["metadata"]["resourceVersion"])


def build_config_map(record: VersionRecord, copied: ConfigMapCopy) -> Manifest:
    """The ConfigMap that goes with the version and never changes."""
    namespace, name = record.key
    manifest: Manifest = {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": {
            "name": copied.name,
            "namespace": namespace,
            "labels": {labels.FUNCTION_UID: record.uid, labels.MANAGED_BY: labels.MANAGER},
            "ownerReferences": [build_owner_reference(VERSIONS, name, record.uid)],
        },
        "immutable": True,
    }
    content = {"data": dict(copied.data), "binaryData": dict(copied.binary_data)}
    return manifest | {key: value for key, value in content.items() if value}
