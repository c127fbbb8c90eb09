"""``publish: true``: a LambdaVersion for each change of code or configuration.

Contract: level-based; safe to repeat, also by two leaders: the name comes from the number, and one
that the same configuration has already is enough. Makes the object only; ``lambda_version``
publishes it. What was compared once is not fetched again before the function changes.
"""

import logging

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.kinds import KIND_OF
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.ownership import build_function_owner
from kubelambda.controller.versions.function_source import fetch_source
from kubelambda.core.model.status import read_function_status
from kubelambda.judge.problem import Problem
from kubelambda.judge.publication import (
    Publication,
    VersionRequest,
    judge_publication,
    next_number,
)
from kubelambda.kube.api import KubeApi, Manifest
from kubelambda.kube.errors import AlreadyExistsError, ForbiddenError
from kubelambda.kube.paths import VERSIONS

logger = logging.getLogger(__name__)

TAKEN_S = 1.0
"""The name is taken, and the watch has not told by whom yet."""


class AutoPublisher:
    """Makes LambdaVersions of the functions that want every change published."""

    def __init__(self, client: KubeApi, store: Store, intake: Intake) -> None:
        self._client = client
        self._store = store
        self._intake = intake
        self._compared: dict[Key, tuple[str, int, str]] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Make a LambdaVersion if one is missing; seconds after which to look again, if at all."""
        record = self._store.functions.get(key)
        if record is None or record.deleting or not record.publish:
            self._compared.pop(key, None)
            return None
        compared = (record.uid, record.generation, record.status.revision)
        if not record.status.is_ready(record.generation) or self._compared.get(key) == compared:
            return None
        if any(version.is_waiting for version in self._store.versions_of(record)):
            return None  # that one will be it; then the function is looked at again
        function, config_maps = await fetch_source(self._client, key)
        versions = self._store.published_of(record)
        request = VersionRequest(key[1], record.uid, record.function_name)
        found = judge_publication(request, function, versions, config_maps)
        if function is None or not _is_wanted(found):
            if isinstance(found, Publication):
                self._compared[key] = compared
            return None
        number = next_number(read_function_status(function.get("status")), versions)
        if not await self._make(record, self._find_name(record, number)):
            return TAKEN_S
        self._compared[key] = compared  # one is enough, whatever becomes of it
        return None

    def _find_name(self, record: FunctionRecord, number: int) -> str:
        namespace, function = record.ref
        while self._store.versions.get((namespace, f"{function}.{number}")) is not None:
            number += 1
        return f"{function}.{number}"

    async def _make(self, record: FunctionRecord, name: str) -> bool:
        """False if the name is taken."""
        manifest = build_version(record, name)
        try:
            made = await self._client.create(
                VERSIONS, record.ref.namespace, manifest, manager=APPLY_MANAGER
            )
        except AlreadyExistsError:
            return False
        except ForbiddenError as error:
            if error.is_of_ending_namespace:
                return True
            raise
        KIND_OF[VERSIONS.plural].put(self._store, made)
        self._intake.enqueue_affected(VERSIONS.plural, made)
        return True


def _is_wanted(found: Publication | Problem) -> bool:
    """Whether an object is to be made: also one that then says why it cannot be published."""
    if isinstance(found, Problem):
        return found.reason is Reason.NOT_PINNED
    return found.is_new


def build_version(record: FunctionRecord, name: str) -> Manifest:
    """The LambdaVersion ``name``, without number and snapshot."""
    namespace, function = record.ref
    owner = build_function_owner(function, record.uid)
    return {
        "apiVersion": VERSIONS.api_version,
        "kind": VERSIONS.kind,
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]},
        "spec": {"functionName": record.function_name},
    }
