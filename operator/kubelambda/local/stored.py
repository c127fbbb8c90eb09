"""Local mode's own objects: the store, what is served of it, and the door to it.

Contract: ``open_stored`` starts everything, ``close`` ends it.
"""

import time
from pathlib import Path

from kubelambda.local.applied_objects import AppliedObjects
from kubelambda.local.applied_status import AppliedStatuses
from kubelambda.local.door.door import ObjectDoor
from kubelambda.local.errors import LocalModeError
from kubelambda.local.function_files import FunctionFiles
from kubelambda.objects.errors import UnavailableError
from kubelambda.objects.sqlite import SqliteObjects
from kubelambda.process.supervisor import Supervisor


class Stored:
    """The parts, joined."""

    def __init__(self, objects: SqliteObjects, files: FunctionFiles, region: str) -> None:
        self._objects = objects
        self._files = files
        self._supervisor = Supervisor()
        self._applied = AppliedObjects(objects, files.reload)
        self._statuses = AppliedStatuses(objects, files.index, region, self._applied.list_documents)
        self.door = ObjectDoor(objects, files.find_file, self._supervisor)
        """For the public listener."""

    async def start(self) -> None:
        """Read what is there, and keep up with it."""
        await self._applied.load()
        self._files.list_applied = self._applied.list_documents
        self._files.on_publish = self._statuses.note
        self._applied.follow(self._supervisor)
        self._supervisor.keep("the statuses of applied objects", self._statuses.run)

    async def close(self) -> None:
        """End the door and the store."""
        await self._supervisor.close()
        await self._objects.close()


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
