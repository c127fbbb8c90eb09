"""Local mode's door keeps the rules of the port, from the client to SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conformance.objects.cases import CASES, Case
from conformance.objects.stores import SqliteStore, open_sqlite_store
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings
from kubelambda.core.wire.demand import DemandReply, DemandReport
from kubelambda.gateway.server import Gateway
from kubelambda.kube.client import connect_plainly
from kubelambda.local.door.door import ObjectDoor
from kubelambda.objects.kubernetes import KubernetesObjects
from kubelambda.process.supervisor import Supervisor


class NoSink:
    async def report(self, report: DemandReport) -> DemandReply:
        raise OSError("nobody starts environments here")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    settings = GatewaySettings(
        host="127.0.0.1",
        public_port=0,
        internal_port=0,
        metrics_port=0,
        linger_s=0,
        drain_s=0,
        package_cache=tmp_path / "packages",
    )
    supervisor = Supervisor()
    async with open_sqlite_store(tmp_path / "objects.sqlite") as kept:
        door = ObjectDoor(kept.objects, lambda _key: None, supervisor)
        gateway = Gateway(settings, FunctionIndex(), NoSink(), b"x" * 32, door=door)
        await gateway.start()
        client = connect_plainly(f"http://127.0.0.1:{gateway.public_port}")
        yield SqliteStore(KubernetesObjects(client), kept.namespace, kept.sqlite)
        client.close()
        await gateway._close()
        await supervisor.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_the_door_of_local_mode(case: Case, store: SqliteStore) -> None:
    await case(store)
