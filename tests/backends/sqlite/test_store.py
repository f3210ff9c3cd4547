"""The store: groups, batches, deadlines, a full disk, a locked file, a killed process, and what closing leaves."""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from prism.backends.sqlite import items
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.store import Store
from prism.backends.sqlite.transaction import Transaction
from prism.errors import BackendUnavailable, Conflict, DeadlineExceeded, Outcome, PrismError, StoreFull
from prism.interfaces.keyvalue import Context, PutItem
from prism.sdk import Context as SdkContext
from prism.wire.grpc.deadline import Deadline

HERE = Context("here")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(SqliteConfig(path=tmp_path / "data.db", busy_timeout=0.05))
    await store.open()
    yield store
    await store.close()


class Gate:
    """A write that holds the writer until it is let go."""

    def __init__(self, store: Store) -> None:
        self._begun, self._open = threading.Event(), threading.Event()
        self.answer = store.write(HERE, self._wait)

    def _wait(self, _transaction: Transaction) -> None:
        self._begun.set()
        self._open.wait()

    async def begun(self) -> None:
        """Until the writer is inside."""
        await asyncio.to_thread(self._begun.wait)

    def let_go(self) -> None:
        """Lets the writer continue."""
        self._open.set()


def put(store: Store, id_: str, value: bytes = b"v", context: SdkContext = HERE) -> "asyncio.Future[int]":
    def apply(transaction: Transaction) -> int:
        return items.put(transaction, b"here", id_.encode(), PutItem(key=b"k", value=value))

    return store.write(context, apply, size=len(value))


async def holds(store: Store, id_: str) -> bool:
    return await store.read(HERE, lambda connection, now: items.exists(connection, b"here", id_.encode(), b"k", now))


async def test_writes_asked_together_share_one_commit(store: Store) -> None:
    """64 writes at once are one transaction, and so one sync of the disk."""
    await asyncio.gather(*(put(store, f"r{number}") for number in range(64)))
    assert (store.commits, store.writes) == (1, 64)


async def test_writes_that_arrive_during_a_commit_share_the_next(store: Store) -> None:
    """What comes while a group is being written goes together in the next one."""
    gate = Gate(store)
    await gate.begun()
    later = [put(store, f"r{number}") for number in range(10)]
    assert store.commits == 0
    gate.let_go()
    await asyncio.gather(gate.answer, *later)
    assert (store.commits, store.writes) == (2, 11)


async def test_an_acknowledged_write_is_read_at_once(store: Store) -> None:
    """While others write and read, everyone sees what was acknowledged to them."""

    async def write_and_read(number: int) -> bool:
        await put(store, f"r{number}")
        return await holds(store, f"r{number}")

    assert all(await asyncio.gather(*(write_and_read(number) for number in range(200))))


async def test_a_caller_that_gives_up_takes_nobody_with_it(store: Store) -> None:
    """One of a group under way is cancelled; the others get their answers."""
    gate = Gate(store)
    await gate.begun()
    given_up, kept = put(store, "a"), put(store, "b")
    given_up.cancel()
    gate.let_go()
    await kept
    assert (await holds(store, "a"), await holds(store, "b")) == (False, True)


async def test_a_deadline_that_passes_in_the_queue(store: Store) -> None:
    """A write whose deadline passed before its group began is dropped, NOT_APPLIED; its neighbours are written."""
    gate = Gate(store)
    await gate.begun()
    late = put(store, "late", context=Context("here", Deadline.after(-1)))
    neighbour = put(store, "neighbour")
    gate.let_go()
    with pytest.raises(DeadlineExceeded) as failure:
        await late
    await neighbour
    assert failure.value.outcome is Outcome.NOT_APPLIED
    assert (await holds(store, "late"), await holds(store, "neighbour")) == (False, True)


async def test_a_read_whose_deadline_has_passed(store: Store) -> None:
    """It is not read, alone or in a batch."""
    late = Context("here", Deadline.after(-1))
    for ask in (store.read, store.query):
        with pytest.raises(DeadlineExceeded):
            await ask(late, lambda _connection, _now: None)


async def test_a_long_query_ends_at_its_deadline(store: Store) -> None:
    """A query that would never end is ended inside SQLite, and its thread serves again."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    for _ in range(4):
        with pytest.raises(DeadlineExceeded):
            await store.query(Context("here", Deadline.after(0.02)), lambda c, _now: c.execute(endless).fetchone())
    assert await store.query(HERE, lambda c, _now: c.execute("SELECT 7").fetchone()) == (7,)


async def test_scans_hold_up_no_get(store: Store) -> None:
    """While as many scans are under way as run at once, and more wait, a short read is answered."""
    await put(store, "r")
    hold = threading.Event()
    scans = [store.query(HERE, lambda _connection, _now: hold.wait()) for _ in range(10)]
    assert await holds(store, "r")
    hold.set()
    assert await asyncio.gather(*scans) == [True] * 10


async def test_namespaces_scan_in_turns(store: Store) -> None:
    """Behind hundreds of another namespace's scans one waits for a few; those whose callers leave do not run."""
    hold, ran = threading.Event(), list[str]()
    first = [store.query(HERE, lambda _connection, _now: hold.wait()) for _ in range(10)]
    many = [store.query(HERE, lambda _connection, _now: ran.append("here")) for _ in range(200)]
    other = store.query(Context("other"), lambda _connection, _now: ran.append("other"))
    left = [store.query(HERE, lambda _connection, _now: ran.append("left")) for _ in range(10)]
    await asyncio.sleep(0)
    for each in left:
        each.cancel()
    hold.set()
    await asyncio.gather(*first, *many, other)
    assert ran.index("other") < 20
    assert ran.count("here") == 200
    assert "left" not in ran


async def test_a_batch_reads_one_state_of_the_file(store: Store) -> None:
    """Two reads of one batch see the same, though a commit falls between them."""
    await put(store, "r", b"old")
    begun, between = threading.Event(), threading.Event()

    def first(connection: sqlite3.Connection, now: int) -> object:
        value = items.get(connection, b"here", b"r", b"k", now)
        begun.set()
        between.wait()
        return value

    def second(connection: sqlite3.Connection, now: int) -> object:
        return items.get(connection, b"here", b"r", b"k", now)

    reads = [store.read(HERE, first), store.read(HERE, second)]
    await asyncio.to_thread(begun.wait)
    await put(store, "r", b"new")
    between.set()
    assert {value[1] for value in await asyncio.gather(*reads) if isinstance(value, tuple)} == {b"old"}
    assert (await store.read(HERE, second))[1] == b"new"  # type: ignore[index]


async def limit_pages(store: Store, more: int) -> None:
    """Lets the file grow by so many pages: what a full disk looks like."""

    def apply(transaction: Transaction) -> None:
        (pages,) = transaction.connection.execute("PRAGMA page_count").fetchone()
        transaction.connection.execute(f"PRAGMA max_page_count = {pages + more}").fetchone()

    await store.write(HERE, apply)


async def test_a_full_disk_fails_only_who_needs_the_room(store: Store) -> None:
    """In one group, the write that does not fit is NOT_APPLIED and the one that fits is kept; room helps at once."""
    await put(store, "first")
    await limit_pages(store, 4)
    large, small = await asyncio.gather(
        put(store, "large", bytes(1 << 18)), put(store, "small"), return_exceptions=True
    )
    assert isinstance(large, StoreFull)
    assert large.outcome is Outcome.NOT_APPLIED
    assert isinstance(small, int)
    assert (await holds(store, "large"), await holds(store, "small")) == (False, True)
    await limit_pages(store, 1000)
    await put(store, "large", bytes(1 << 18))


async def test_trouble_is_remembered_until_a_write_succeeds(store: Store) -> None:
    """Health can say why writes fail, and stops saying so when they do not."""
    await limit_pages(store, 0)
    with pytest.raises(StoreFull):
        await put(store, "large", bytes(1 << 18))
    assert "full" in store.trouble
    await limit_pages(store, 1000)
    assert not store.trouble


async def test_a_file_locked_by_another_process(store: Store) -> None:
    """Nobody waits longer than the time-out: the whole group is refused at once, NOT_APPLIED, and may try again."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        failures = await asyncio.gather(*(put(store, f"r{number}") for number in range(50)), return_exceptions=True)
        other.execute("ROLLBACK")
    assert {type(failure) for failure in failures} == {Conflict}
    assert {failure.outcome for failure in failures if isinstance(failure, PrismError)} == {Outcome.NOT_APPLIED}
    assert all(failure.retry_after for failure in failures if isinstance(failure, PrismError))
    assert not store.trouble
    await put(store, "r")


async def test_reads_go_on_while_another_process_writes(store: Store) -> None:
    """A writer elsewhere does not hold up readers."""
    await put(store, "r")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await holds(store, "r")
        other.execute("ROLLBACK")


async def test_closing_completes_what_was_asked_and_empties_the_log(tmp_path: Path) -> None:
    """Writes under way are answered, and the file alone holds everything."""
    store = Store(SqliteConfig(path=tmp_path / "data.db"))
    await store.open()
    asked = [put(store, f"r{number}") for number in range(10)]
    await store.close()
    assert all(future.done() and future.result() for future in asked)
    assert {path.name for path in tmp_path.iterdir()} == {"data.db", "data.db-reserve"}  # noqa: ASYNC240  # a look at a small folder
    with closing(sqlite3.connect(tmp_path / "data.db")) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (10,)


async def test_a_store_that_is_not_open(tmp_path: Path) -> None:
    """Unopened or closed, it refuses at once, a write NOT_APPLIED; opening or closing twice is fine."""
    store = Store(SqliteConfig(path=tmp_path / "data.db"))
    await store.close()
    for _ in range(2):
        with pytest.raises(BackendUnavailable) as failure:
            await put(store, "r")
        assert failure.value.outcome is Outcome.NOT_APPLIED
        with pytest.raises(BackendUnavailable):
            await holds(store, "r")
        await store.open()
        await store.open()
        await store.close()
        await store.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.keyvalue import SqliteKeyValue
from prism.interfaces.keyvalue import Context, PutItem, PutRequest
from prism.sdk import NoCredentials

async def main():
    backend = SqliteBackend(SqliteConfig(path=Path(sys.argv[1])), NoCredentials())
    await backend.start()
    (keyvalue,) = [each for each in backend.interfaces if isinstance(each, SqliteKeyValue)]
    async def write(lane):
        for number in range(10**9):
            name = f"{lane}-{number}"
            await keyvalue.put(PutRequest(id=name, items=[PutItem(key=b"k", value=b"v" * 300)]), Context("here"))
            sys.stdout.write(name + "\\n")
            sys.stdout.flush()
    await asyncio.gather(*(write(lane) for lane in range(8)))

asyncio.run(main())
"""


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    """After a kill -9 in the middle of writing, three times, the file is whole and holds every acknowledged item."""
    path = tmp_path / "data.db"
    acknowledged: set[str] = set()
    for _ in range(3):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(200):
            acknowledged.add((await process.stdout.readline()).decode().strip())
        process.kill()
        rest = (await process.stdout.read()).decode()
        acknowledged.update(line.strip() for line in rest.splitlines(keepends=True) if line.endswith("\n"))
        await process.wait()
    store = Store(SqliteConfig(path=path))
    await store.open()
    missing = [name for name in acknowledged if not await holds(store, name)]
    await store.close()
    assert not missing
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
