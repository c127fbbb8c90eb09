"""The statuses of what was applied to local mode: whether it is served, and why not.

Contract: ``build_*`` are pure. ``AppliedStatuses`` writes a status only if it changes, one after
the other; a write that meets a newer version is left to the change that made it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubelambda.api.v1alpha1.conditions import ConditionType
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.layers import build_layer_version
from kubelambda.catalog.loaded import Applied, Loaded
from kubelambda.controller.packages.lambda_layer import build_layer_arn
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.model.moments import format_moment
from kubelambda.core.model.status import Condition, read_function_status, read_layer_status
from kubelambda.core.packages.code_zip import to_code_sha256
from kubelambda.judge.conditions import build_condition
from kubelambda.objects.errors import ConflictError, NotFoundError
from kubelambda.objects.port import Manifest, Objects

logger = logging.getLogger(__name__)
Document = Mapping[str, Any]


class AppliedStatuses:
    """Writes the statuses of applied functions and layers."""

    def __init__(
        self,
        objects: Objects,
        index: FunctionIndex,
        region: str,
        list_documents: Callable[[], Iterable[Document]],
    ) -> None:
        self._objects = objects
        self._index = index
        self._region = region
        self._list_documents = list_documents
        self._loaded = Loaded((), ())
        self._due = asyncio.Event()

    def note(self, loaded: Loaded) -> None:
        """What is served may have changed; ``loaded`` says what cannot be."""
        self._loaded = loaded
        self._due.set()

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self.write(self._loaded)

    async def write(self, loaded: Loaded) -> None:
        """Bring the statuses up to date with what is served."""
        problems = {
            problem.path: problem.message
            for problem in loaded.problems
            if isinstance(problem.path, Applied)
        }
        for document in self._list_documents():
            wanted = self._build(document, problems)
            if wanted is not None and wanted != document.get("status"):
                await self._write_one({**document, "status": wanted})

    async def _write_one(self, manifest: Manifest) -> None:
        try:
            await self._objects.update_status(manifest)
        except (ConflictError, NotFoundError) as error:
            logger.debug("a status is out of date before it is written: %s", error)

    def _build(self, document: Document, problems: Mapping[Applied, str]) -> dict[str, Any] | None:
        metadata, now = document["metadata"], format_moment(time.time())
        origin = Applied(document["kind"], metadata["namespace"], metadata["name"])
        problem = problems.get(origin, "")
        if document["kind"] == "LambdaFunction":
            found = self._index.get(FunctionRef(origin.namespace, origin.name))
            function = found if found is not None and found.uid == metadata["uid"] else None
            return build_function_status(document, function, problem, self._region, now)
        if document["kind"] == "LambdaLayer":
            return build_layer_status(document, problem, self._region, now)
        return None


def build_function_status(
    document: Document, function: Function | None, problem: str, region: str, now: str
) -> dict[str, Any]:
    """The status of an applied function; ``function`` is it as it is served, None if it is not."""
    reason = function.stalled_reason if function is not None else str(Reason.INVALID_SPEC)
    message = function.stalled_message if function is not None else problem
    is_ready = function is not None and not function.cannot_run
    former = read_function_status(document.get("status")).conditions
    status = {
        "observedGeneration": document["metadata"]["generation"],
        "conditions": _build_conditions(former, "" if is_ready else reason, message, now),
        "state": "Active" if is_ready else "Failed",
    }
    return status | ({"functionArn": function.arn(region)} if function is not None else {})


def build_layer_status(document: Document, problem: str, region: str, now: str) -> dict[str, Any]:
    """The status of an applied layer version."""
    layer = build_layer_version(document).layer
    account_id = derive_account_id(document["metadata"]["namespace"])
    former = read_layer_status(document.get("status")).conditions
    reason = str(Reason.INVALID_SPEC) if problem else ""
    status = {
        "observedGeneration": document["metadata"]["generation"],
        "conditions": _build_conditions(former, reason, problem, now),
        "layerName": layer.name,
        "layerVersionArn": build_layer_arn(region, account_id, layer.reference),
    }
    return status | ({"codeSha256": to_code_sha256(layer.sha256)} if layer.sha256 else {})


def _build_conditions(
    former: Mapping[str, Condition], reason: str, message: str, now: str
) -> list[dict[str, Any]]:
    """Ready, Reconciling and Stalled; without a reason it is Ready."""
    wanted = (
        (ConditionType.READY, not reason, message if reason else ""),
        (ConditionType.RECONCILING, False, ""),
        (ConditionType.STALLED, bool(reason), message if reason else ""),
    )
    return [
        build_condition(
            former.get(kind),
            kind,
            reason or str(Reason.READY),
            text,
            status="True" if holds else "False",
            now=now,
        )
        for kind, holds, text in wanted
    ]
