"""The statuses of layer versions that were applied to local mode.

Contract: ``build_layer_status`` is pure. ``LayerStatuses`` writes a status only if it changes, one
after the other; a write that meets a newer version is left to the change that made it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.layers import build_layer_version
from kubelambda.catalog.loaded import Applied, Loaded
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.layer import build_layer_arn
from kubelambda.core.model.moments import format_moment
from kubelambda.core.model.status import read_layer_status
from kubelambda.core.packages.code_zip import to_code_sha256
from kubelambda.judge.conditions import build_conditions
from kubelambda.judge.problem import NO_NOTE, Problem
from kubelambda.objects.errors import ConflictError, NotFoundError
from kubelambda.objects.port import Manifest, Objects

logger = logging.getLogger(__name__)
Document = Mapping[str, Any]


class LayerStatuses:
    """Writes them whenever what is served has changed."""

    def __init__(
        self,
        objects: Objects,
        region: str,
        list_documents: Callable[[], Iterable[Document]],
    ) -> None:
        self._objects = objects
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
        if document["kind"] != "LambdaLayer":
            return None
        metadata, now = document["metadata"], format_moment(time.time())
        origin = Applied(document["kind"], metadata["namespace"], metadata["name"])
        return build_layer_status(document, problems.get(origin, ""), self._region, now)


def build_layer_status(document: Document, problem: str, region: str, now: str) -> dict[str, Any]:
    """The status of an applied layer version."""
    layer = build_layer_version(document).layer
    account_id = derive_account_id(document["metadata"]["namespace"])
    former = read_layer_status(document.get("status")).conditions
    found = Problem(Reason.INVALID_SPEC, problem) if problem else None
    status = {
        "observedGeneration": document["metadata"]["generation"],
        "conditions": build_conditions(former, found, ready=NO_NOTE, now=now),
        "layerName": layer.name,
        "layerVersionArn": build_layer_arn(region, account_id, layer.reference),
    }
    return status | ({"codeSha256": to_code_sha256(layer.sha256)} if layer.sha256 else {})
