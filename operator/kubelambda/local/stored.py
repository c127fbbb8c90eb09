"""Local mode's own objects: the store, what is served of it, and the door to it.

Contract: ``open_stored`` starts everything, ``close`` ends it.
"""

import time
from pathlib import Path

from kubelambda.catalog.loaded import Applied, Loaded
from kubelambda.local.applied_objects import AppliedObjects
from kubelambda.local.control.layer_statuses import LayerStatuses
from kubelambda.local.control.local_controller import LocalController
from kubelambda.local.door.door import ObjectDoor
from kubelambda.local.errors import LocalModeError
from kubelambda.local.function_files import FunctionFiles
from kubelambda.objects.errors import UnavailableError
from kubelambda.objects.sqlite import SqliteObjects
from kubelambda.process.supervisor import Supervisor


class Stored:
    """The parts, joined."""

    def __init__(self, objects: SqliteObjects, files: FunctionFiles, region: str) -> None:
        self.objects = objects
        self._files = files
        self._supervisor = Supervisor()
        self._controller = LocalController(objects, region, files.index.get)
        self._applied = AppliedObjects(objects, files.reload, self._controller.note)
        self._layers = LayerStatuses(objects, region, self._applied.list_documents)
        self.door = ObjectDoor(objects, files.find_file, self._supervisor)
        """For the public listener."""

    async def start(self) -> None:
        """Read what is there, and keep up with it."""
        await self._applied.load()
        self._files.list_applied = self._applied.list_documents
        self._files.on_publish = self._note_loaded
        self._applied.follow(self._supervisor)
        self._supervisor.keep("the statuses of applied layers", self._layers.run)
        self._supervisor.keep("versions and statuses of applied objects", self._controller.run)

    def _note_loaded(self, loaded: Loaded) -> None:
        """What is served has been brought up to date with what was applied."""
        self._layers.note(loaded)
        generations = {
            document["metadata"]["uid"]: document["metadata"].get("generation", 0)
            for document in self._applied.list_documents()
        }
        problems = {
            (problem.path.namespace, problem.path.name): problem.message
            for problem in loaded.problems
            if isinstance(problem.path, Applied)
        }
        self._controller.note_loaded(generations, problems)

    async def close(self) -> None:
        """End the door and the store."""
        await self._supervisor.close()
        await self.objects.close()


async def open_stored(path: Path, files: FunctionFiles, region: str) -> Stored:
    """Open the store at ``path`` and serve what it holds through ``files``; LocalModeError."""
    objects = SqliteObjects(path, time.time)
    try:
        await objects.open()
        stored = Stored(objects, files, region)
        await stored.start()
    except UnavailableError as error:
        raise LocalModeError(f"cannot open the store of applied objects: {error}") from error
    return stored
