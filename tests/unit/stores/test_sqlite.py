"""What the SQLite driver does beside the rules of its port: odd files, odd records, odd errors."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from kubelambda.core.asynchronous.queue import (
    DeadLetter,
    Lease,
    QueuedEvent,
    QueueUnavailableError,
    decode_event,
)
from kubelambda.stores.sqlite import SqliteQueue

VECTOR = Path(__file__).parents[2] / "vectors" / "6b2581d" / "queue.sql"
EVENT = QueuedEvent("r-1", "default", "hello", b"{}", accepted_at=1.0)


class Clock:
    """The time, until it is told to fail."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __call__(self) -> float:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return time.time()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def queue(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteQueue]:
    one = SqliteQueue(tmp_path / "queue.sqlite", clock)
    await one.open()
    yield one
    await one.close()


async def lease_when_usable(queue: SqliteQueue) -> Sequence[Lease]:
    while True:
        with contextlib.suppress(QueueUnavailableError):
            return await queue.lease(1, 0)
        await asyncio.sleep(0.02)


def execute(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "values",
    [
        "'odd', x'00', 0, 0",
        "x'ff', x'00', 0, 0",
        "CAST(x'ff' AS TEXT), x'00', 0, 0",
        "'{}', 'text', 0, 'token'",
        "'{}', x'00', -1e308, -5",
    ],
)
async def test_one_odd_record_does_not_hold_up_the_others(
    queue: SqliteQueue, tmp_path: Path, values: str
) -> None:
    execute(
        tmp_path / "queue.sqlite",
        f"INSERT INTO events (header, payload, due_at, token) VALUES ({values})",
    )
    await queue.publish(EVENT)
    (lease,) = await queue.lease(10, 5)
    assert lease.event == EVENT
    await queue.ack(lease)
    assert not await queue.lease(10, 0)


class OddError(Exception):
    """An error that no database ever raises."""


async def test_an_operation_that_fails_fails_alone(queue: SqliteQueue, clock: Clock) -> None:
    await queue.publish(EVENT)
    clock.error = OddError()
    with pytest.raises(QueueUnavailableError, match="OddError"):
        await queue.lease(1, 0)
    assert len(await queue.lease(1, 0)) == 1


class EndOfThreadError(BaseException):
    """What no handler of ours expects."""


async def test_an_error_that_ends_the_threads_work_is_answered_and_it_goes_on(
    queue: SqliteQueue, clock: Clock
) -> None:
    """Whoever asked is told; nobody waits for ever; what was published before is there."""
    await queue.publish(EVENT)
    clock.error = EndOfThreadError()
    async with asyncio.timeout(30):
        first, *others = await asyncio.gather(
            queue.lease(1, 0), queue.read_dead_letters(1), return_exceptions=True
        )
        assert isinstance(first, QueueUnavailableError)
        assert all(isinstance(other, QueueUnavailableError | list) for other in others)
        assert len(await lease_when_usable(queue)) == 1


async def test_a_file_that_cannot_be_opened_any_more_refuses_until_it_can(
    queue: SqliteQueue, clock: Clock, tmp_path: Path
) -> None:
    await queue.publish(EVENT)
    path = tmp_path / "queue.sqlite"
    moved = path.rename(tmp_path / "moved.sqlite")
    path.mkdir()
    clock.error = EndOfThreadError()
    async with asyncio.timeout(30):
        for _ in range(2):
            with pytest.raises(QueueUnavailableError):
                await queue.lease(1, 0)
        path.rmdir()
        moved.rename(path)
        assert len(await lease_when_usable(queue)) == 1


async def test_a_file_of_the_release_before_is_read_and_written_on(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(VECTOR.read_text())
    queue = SqliteQueue(path, time.time)
    await queue.open()
    (lease,) = await queue.lease(10, 5)
    assert (lease.event.request_id, lease.event.attempt, lease.event.deferrals) == ("r-1", 2, 3)
    assert lease.event.payload == b'{"n":1}'
    letter = DeadLetter(EVENT, "EventAgeExceeded", "late")
    await queue.dead_letter(letter)
    old, new = await queue.read_dead_letters(10)
    assert (old.event.request_id, old.condition, old.detail) == (
        "r-2",
        "RetriesExhausted",
        'said "no"',
    )
    assert new == letter
    await queue.close()


async def test_the_release_before_reads_and_writes_a_file_of_this_one(
    queue: SqliteQueue, tmp_path: Path
) -> None:
    """Its statements, as they stood in 6b2581d."""
    await queue.publish(EVENT)
    letter = DeadLetter(EVENT, "EventAgeExceeded", "late")
    await queue.dead_letter(letter)
    path = tmp_path / "queue.sqlite"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        (row,) = connection.execute(
            "SELECT number, header, payload, token FROM events WHERE due_at <= ? "
            "ORDER BY due_at, number LIMIT ?",
            (time.time(), 10),
        ).fetchall()
        assert decode_event(row[1], row[2]) == EVENT
        rows = connection.execute(
            "SELECT header, payload, condition, detail FROM dead ORDER BY number LIMIT ?", (10,)
        ).fetchall()
        assert rows[0][2:] == ("EventAgeExceeded", "late")
        connection.execute(
            "INSERT OR IGNORE INTO dead (message_id, header, payload, condition, detail) "
            "VALUES (?, ?, ?, ?, ?)",
            ("other", row[1], row[2], "RetriesExhausted", "no"),
        )
    assert [letter.condition for letter in await queue.read_dead_letters(10)] == [
        "EventAgeExceeded",
        "RetriesExhausted",
    ]
