"""Reconciles LambdaVersions: publishes those that have no number, and has the others served.

Contract: level-based; safe to repeat. One version of a function is published after the other, so
that equal ones in a row are found to be equal. A published version is served by the very code that
serves functions; of two objects with the same number and content only the older one is.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.kinds import KIND_OF
from kubelambda.controller.cache.store import Store
from kubelambda.controller.diagnosis.api_refusal import classify_refusal
from kubelambda.controller.function.lambda_function import REFUSED_RETRY_S, FunctionReconciler
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.ownership import build_owners
from kubelambda.controller.records.version_record import VersionRecord
from kubelambda.controller.versions.function_source import fetch_source
from kubelambda.controller.versions.publication_writer import count_number, write_publication
from kubelambda.controller.versions.version_status import build_version_status
from kubelambda.core.model.moments import format_moment
from kubelambda.judge.problem import Problem
from kubelambda.judge.publication import (
    PublishedVersion,
    describe_missing_function,
    describe_same,
    find_rightful,
    find_version_problem,
    judge_publication,
)
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import ForbiddenError, InvalidError, NotFoundError
from kubelambda.kube.paths import VERSIONS

logger = logging.getLogger(__name__)

NOT_PINNED_S = 10.0
"""Seconds between two looks at what keeps a version from being published and no watch tells of."""


class VersionReconciler:
    """Brings one LambdaVersion after the other to what it is to be."""

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        intake: Intake,
        functions: FunctionReconciler,
        region: str,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._store = store
        self._intake = intake
        self._functions = functions
        self._region = region
        self._clock = clock
        self._counted: dict[str, int] = {}
        """By the uid of its LambdaVersion, each number whose write was not answered or refused."""
        self._publishing: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def reconcile(self, key: Key) -> float | None:
        """Do what ``key`` needs; seconds after which to look again, if at all."""
        record = self._store.versions.get(key)
        if record is None or record.owned.deleting:
            self._functions.forget(key)
            self._forget_counted()
            return None
        try:
            return await self._act(record)
        except NotFoundError:
            return None  # it has just gone
        except (ForbiddenError, InvalidError) as error:
            if error.is_of_ending_namespace:
                return None
            logger.warning("%s: %s", "/".join(key), error.message)
            await self._write_status(record, classify_refusal(error.message))
            return REFUSED_RETRY_S

    def _forget_counted(self) -> None:
        """Drop what was counted for objects that are gone."""
        if not self._counted:
            return
        present = {version.uid for version in self._store.versions.values()}
        self._counted = {uid: number for uid, number in self._counted.items() if uid in present}

    async def _act(self, record: VersionRecord) -> float | None:
        if record.spec_problem is not None:
            self._functions.forget(record.key)
            await self._write_status(record, record.spec_problem)
            return None
        if record.published is not None:
            return await self._serve(record, record.published)
        return await self._publish(record.key)

    async def _publish(self, key: Key) -> float | None:
        function_key = (key[0], key[1].partition(".")[0])
        lock = self._publishing.setdefault(function_key, asyncio.Lock())
        async with lock:
            record = self._store.versions.get(key)
            if record is None or record.published is not None:
                return None  # it went, or was published, while another one was
            owner = self._store.function_of(record.owned, record.request.function_name)
            if owner is None:
                missing = describe_missing_function(key[1], record.request.function_name)
                await self._write_status(record, missing)
                return None
            function, config_maps = await fetch_source(self._client, function_key)
            versions = self._store.published_of(owner)
            counted = self._counted.get(record.uid, 0)
            found = judge_publication(record.request, function, versions, config_maps, counted)
            if isinstance(found, Problem):
                await self._write_status(record, found)
                return NOT_PINNED_S if found.reason is Reason.NOT_PINNED else None
            if function is None:
                return None  # never: without one there is a problem
            if found.last_version is not None:
                await count_number(self._client, self._store, function, found.last_version)
                self._counted[record.uid] = found.last_version
            written = await write_publication(self._client, self._store, record, function, found)
            self._counted.pop(record.uid, None)
        logger.info("%s: published as version %d", "/".join(key), found.number)
        self._intake.enqueue_affected(VERSIONS.plural, written)
        return None

    async def _serve(self, record: VersionRecord, published: PublishedVersion) -> float | None:
        function = self._store.function_of(record.owned, record.request.function_name)
        if function is None:
            self._functions.forget(record.key)
            missing = describe_missing_function(record.key[1], record.request.function_name)
            await self._write_status(record, missing)
            return None
        if not record.owned.function_uid:
            record = await self._claim(record, function)
        rightful = find_rightful(published.number, self._store.published_of(function))
        if rightful is None or rightful.uid == record.uid:
            return await self._functions.reconcile(record.key)
        self._functions.forget(record.key)
        problem = find_version_problem(published, rightful)
        await self._write_status(record, problem, describe_same(published, rightful))
        return None

    async def _claim(self, record: VersionRecord, function: FunctionRecord) -> VersionRecord:
        """Have the function own it: it was published before, and put here by hand."""
        owners = build_owners(record.owned, function.uid)
        metadata = {"resourceVersion": record.version, "ownerReferences": owners}
        written = await self._client.patch(
            VERSIONS, *record.key, {"metadata": metadata}, manager=APPLY_MANAGER
        )
        KIND_OF[VERSIONS.plural].put(self._store, written)
        return self._store.versions.get(record.key) or record

    async def _write_status(
        self, record: VersionRecord, problem: Problem | None, ready: str = ""
    ) -> None:
        """Of one that nothing serves: because of ``problem``, or since another object does."""
        now = format_moment(self._clock())
        status: dict[str, Any] = build_version_status(
            record, problem, ready, region=self._region, now=now
        )
        if record.status.says(status):
            return
        content = {"metadata": {"resourceVersion": record.version}, "status": status}
        written = await self._client.patch(
            VERSIONS, *record.key, content, manager=APPLY_MANAGER, subresource="status"
        )
        KIND_OF[VERSIONS.plural].put(self._store, written)
