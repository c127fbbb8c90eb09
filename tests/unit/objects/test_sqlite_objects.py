"""What the SQLite driver has beside the rules of the port: a file."""

import asyncio
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kubelambda.objects.errors import ExpiredError, NotFoundError, UnavailableError
from kubelambda.objects.port import Manifest, list_all
from kubelambda.objects.records import FORMAT
from kubelambda.objects.sqlite import SqliteObjects

WRITER = """
import asyncio, sys, time
from pathlib import Path
from kubelambda.objects.sqlite import SqliteObjects

async def write():
    objects = SqliteObjects(Path(sys.argv[1]), time.time)
    await objects.open()
    for number in range(1_000_000):
        made = await objects.create({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}"},
        })
        print(made["metadata"]["name"], made["metadata"]["resourceVersion"], flush=True)

asyncio.run(write())
"""


def make_config_map(name: str = "one") -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


async def open_objects(path: Path, changes_max: int = 100) -> SqliteObjects:
    objects = SqliteObjects(path, time.time, changes_max=changes_max)
    await objects.open()
    return objects


def write_until_killed(path: Path) -> dict[str, str]:
    """The names and versions that were answered before kill -9."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    with writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        lines += [line for line in writer.stdout if line.endswith("\n")]
    return dict(line.split() for line in lines)


async def test_what_was_answered_survives_kill_9_and_versions_go_on(tmp_path: Path) -> None:
    path = tmp_path / "objects.sqlite"
    answered = await asyncio.to_thread(write_until_killed, path)
    objects = await open_objects(path)
    kept, version = await list_all(objects, "ConfigMap")
    found = {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in kept}
    assert answered.items() <= found.items()
    made = await objects.create(make_config_map())
    assert int(made["metadata"]["resourceVersion"]) > int(version)
    await objects.close()


async def test_a_watch_goes_on_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "objects.sqlite"
    objects = await open_objects(path)
    _, version = await list_all(objects, "ConfigMap")
    await objects.create(make_config_map())
    await objects.close()
    objects = await open_objects(path)
    event = await anext(objects.watch("ConfigMap", None, version))
    assert event.type == "ADDED"
    await objects.close()


async def test_a_watcher_is_told_of_a_write_whose_caller_did_not_wait(tmp_path: Path) -> None:
    objects = await open_objects(tmp_path / "objects.sqlite")
    _, version = await list_all(objects, "ConfigMap")
    watched = objects.watch("ConfigMap", None, version)
    next_event = asyncio.ensure_future(anext(watched))
    await asyncio.sleep(0)
    writing = asyncio.ensure_future(objects.create(make_config_map()))
    await asyncio.sleep(0)
    writing.cancel()
    event = await asyncio.wait_for(next_event, 30)
    assert event.manifest["metadata"]["name"] == "one"
    await objects.close()


async def test_only_the_last_changes_are_kept(tmp_path: Path) -> None:
    objects = await open_objects(tmp_path / "objects.sqlite", changes_max=3)
    first = await objects.create(make_config_map("first"))
    since = first["metadata"]["resourceVersion"]
    for number in range(3):
        await objects.create(make_config_map(f"c{number}"))
    watched = objects.watch("ConfigMap", None, since)
    assert [(await anext(watched)).manifest["metadata"]["name"] for _ in range(3)] == [
        "c0",
        "c1",
        "c2",
    ]
    await objects.create(make_config_map("last"))
    with pytest.raises(ExpiredError):
        await anext(objects.watch("ConfigMap", None, since))
    await objects.close()


async def test_a_version_of_another_store_is_expired(tmp_path: Path) -> None:
    objects = await open_objects(tmp_path / "objects.sqlite")
    for version in ("999999", "abc", ""):
        with pytest.raises(ExpiredError):
            await anext(objects.watch("ConfigMap", None, version))
    await objects.close()


async def test_closing_ends_the_watches_and_refuses_requests(tmp_path: Path) -> None:
    objects = await open_objects(tmp_path / "objects.sqlite")
    _, version = await list_all(objects, "ConfigMap")
    watched = objects.watch("ConfigMap", None, version)
    next_event = asyncio.ensure_future(anext(watched, None))
    await asyncio.sleep(0.01)
    await objects.close()
    assert await asyncio.wait_for(next_event, 30) is None
    with pytest.raises(UnavailableError):
        await objects.get("ConfigMap", "default", "one")


async def test_a_file_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "objects.sqlite"
    objects = await open_objects(path)
    await objects.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    with pytest.raises(UnavailableError, match="newer release"):
        await open_objects(path)


async def test_nobody_else_reads_the_file_since_it_holds_secrets(tmp_path: Path) -> None:
    path = tmp_path / "objects.sqlite"
    objects = await open_objects(path)
    await objects.create(make_config_map())
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name
    await objects.close()


async def test_an_object_whose_owner_does_not_exist_is_collected(tmp_path: Path) -> None:
    """As Kubernetes' garbage collector does."""
    objects = await open_objects(tmp_path / "objects.sqlite")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "no-such-uid"}
    manifest = make_config_map()
    manifest["metadata"]["ownerReferences"] = [owner]
    await objects.create(manifest)
    with pytest.raises(NotFoundError):
        await objects.get("ConfigMap", "default", "one")
    await objects.close()
