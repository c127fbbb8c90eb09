"""A package store in memory whose steps happen when a test lets them, and an installation's names.

Each step waits at ``Gates`` before it acts, at one moment; reading names waits before and after.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from kubelambda.core.packages.names import NamesUnknownError
from kubelambda.core.packages.store import (
    PackageNotFoundError,
    PackagesUnavailableError,
    StoredPackage,
)


class Gates:
    """Where tasks wait while ``hold`` is set, each until it is let pass."""

    def __init__(self, *, hold: bool = False) -> None:
        self.hold = hold
        self._waiting: dict[asyncio.Task[None] | None, asyncio.Future[None]] = {}

    async def wait(self) -> None:
        if self.hold:
            gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[asyncio.current_task()] = gate
            await gate

    async def let_pass(self, task: asyncio.Task[None]) -> None:
        """Let ``task`` go on to its next gate, at which it waits again."""
        gate = self._waiting.pop(task)
        gate.set_result(None)
        while task not in self._waiting and not task.done():
            await asyncio.sleep(0)


class MemoryPackages:
    """Passes the rules of the port; ``on_delete`` is called before a package goes."""

    def __init__(self, gates: Gates | None = None) -> None:
        self.gates = gates or Gates()
        self.packages: dict[str, StoredPackage] = {}
        self.away = False
        self.on_delete: Callable[[str], None] = lambda _: None
        self.on_withdraw: Callable[[str], None] = lambda _: None
        self._revision = 0

    def keep(self, sha256: str) -> None:
        """``put``, at once and without content."""
        self._set(sha256, withdrawn=False)

    def holds(self, sha256: str) -> bool:
        """Whether it would be found now."""
        found = self.packages.get(sha256)
        return found is not None and not found.withdrawn

    async def put(self, sha256: str, content: bytes) -> None:
        await self._begin()
        self.keep(sha256)

    async def has(self, sha256: str) -> bool:
        await self._begin()
        found = self.packages.get(sha256)
        if found is not None and found.withdrawn:
            raise PackagesUnavailableError("withdrawn")
        return found is not None

    async def fetch(self, sha256: str, target: Path) -> None:
        if not await self.has(sha256):
            raise PackageNotFoundError(sha256)
        await asyncio.to_thread(target.write_bytes, b"")

    async def list_all(self) -> list[StoredPackage]:
        await self._begin()
        return list(self.packages.values())

    async def renew(self, package: StoredPackage) -> bool:
        await self._begin()
        if self.packages.get(package.sha256) != package or package.withdrawn:
            return False
        self._set(package.sha256, withdrawn=False)
        return True

    async def withdraw(self, package: StoredPackage) -> StoredPackage | None:
        await self._begin()
        if self.packages.get(package.sha256) != package or package.withdrawn:
            return None
        self.on_withdraw(package.sha256)
        return self._set(package.sha256, withdrawn=True)

    async def restore(self, package: StoredPackage) -> bool:
        await self._begin()
        if self.packages.get(package.sha256) != package or not package.withdrawn:
            return False
        self._set(package.sha256, withdrawn=False)
        return True

    async def delete(self, package: StoredPackage) -> bool:
        await self._begin()
        if self.packages.get(package.sha256) != package or not package.withdrawn:
            return False
        self.on_delete(package.sha256)
        del self.packages[package.sha256]
        return True

    async def _begin(self) -> None:
        await self.gates.wait()
        if self.away:
            raise PackagesUnavailableError("away")

    def _set(self, sha256: str, *, withdrawn: bool) -> StoredPackage:
        self._revision += 1
        changed = StoredPackage(sha256, 10, str(self._revision), withdrawn)
        self.packages[sha256] = changed
        return changed


class MemoryNames:
    """What objects name: ``now``, which a test changes."""

    def __init__(self, gates: Gates | None = None) -> None:
        self.gates = gates or Gates()
        self.now: set[str] = set()
        self.served: frozenset[str] = frozenset()
        self.away = False
        self.reads = 0

    async def read(self) -> frozenset[str]:
        await self.gates.wait()
        self.reads += 1
        if self.away:
            raise NamesUnknownError("away")
        names = frozenset(self.now)
        await self.gates.wait()
        return names

    def list_served(self) -> frozenset[str]:
        return self.served
