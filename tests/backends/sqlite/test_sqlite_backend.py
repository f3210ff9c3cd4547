"""The SQLite backend as its host sees it: probes, sweeping, reloads, and other processes on the same file."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.testing import TemporaryStore
from prism.errors import AlreadyExists, BackendUnavailable, Conflict, DataLoss, Outcome
from prism.interfaces.keyvalue import CompareAndSwapRequest, PutItem, PutRequest
from prism.sdk import HealthStatus, NoCredentials

from .keyvalues import HERE, keyvalue, put, value_of

MICROSECOND = Duration(nanos=1000)


def file_of(database: TemporaryStore) -> Path:
    return Path(str(database.config["path"]))


async def test_start_may_be_tried_again(database: TemporaryStore) -> None:
    """What failed at the first start works at the second, once the operator has mended it."""
    path = file_of(database)
    path.parent.mkdir()
    path.write_text("not a database " * 100)
    backend = SqliteBackend(SqliteConfig(path=path), NoCredentials())
    with pytest.raises(DataLoss):
        await backend.start()
    path.unlink()
    await backend.start()
    assert (await backend.health()).status is HealthStatus.HEALTHY
    await backend.stop()


async def test_data_of_a_namespace(backend: SqliteBackend) -> None:
    """A namespace holds data once something is stored in it, and another does not for that."""
    await backend.attach("here")
    assert not await backend.holds_data("here")
    await keyvalue(backend).put(put("r"), HERE)
    assert await backend.holds_data("here")
    assert not await backend.holds_data("her")


async def test_health(backend: SqliteBackend, database: TemporaryStore) -> None:
    """Healthy while it serves, unhealthy when its file was taken away or it is stopped, always with what to do."""
    assert (await backend.health()).status is HealthStatus.HEALTHY
    path = file_of(database)
    path.rename(path.with_suffix(".moved"))
    taken = await backend.health()
    assert taken.status is HealthStatus.UNHEALTHY
    assert "put it back" in taken.message
    path.with_suffix(".moved").rename(path)
    await backend.stop()
    stopped = await backend.health()
    assert stopped.status is HealthStatus.UNHEALTHY
    assert "not open" in stopped.message


async def test_nothing_is_acknowledged_into_a_file_that_was_taken_away(
    backend: SqliteBackend, database: TemporaryStore
) -> None:
    """A write to a removed or replaced file would be lost at the next start; put back, the file is written to again."""
    path = file_of(database)
    await keyvalue(backend).put(put("r", value=b"before"), HERE)
    path.rename(path.with_suffix(".moved"))
    path.touch()
    with pytest.raises(BackendUnavailable, match="put it back and restart") as caught:
        await keyvalue(backend).put(put("r", value=b"between"), HERE)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    path.with_suffix(".moved").rename(path)
    assert await value_of(backend, "r") == b"before"
    await keyvalue(backend).put(put("r", value=b"after"), HERE)
    assert await value_of(backend, "r") == b"after"


async def test_metrics_show_how_well_commits_group(backend: SqliteBackend) -> None:
    """Writes per commit can be read off."""
    await asyncio.gather(*(keyvalue(backend).put(put(f"r{number}"), HERE) for number in range(20)))
    assert backend.metrics().items() >= {"group_commits": 1, "group_commit_writes": 20, "subscriptions": 0}.items()


async def test_expired_rows_leave_the_file(database: TemporaryStore) -> None:
    """The sweeper removes what has expired, and only that, without being asked."""
    backend = await database.backend(sweep_interval=0.001)
    for number in range(150):
        await keyvalue(backend).put(put(f"r{number}", ttl=MICROSECOND), HERE)
    await keyvalue(backend).put(put("kept"), HERE)
    with closing(sqlite3.connect(file_of(database))) as connection:
        async with asyncio.timeout(20):
            while connection.execute("SELECT count(*) FROM item").fetchone() != (1,):
                await backend.health()
    assert await value_of(backend, "kept") == b"v"


async def test_idempotency_keys_are_forgotten_after_a_day(database: TemporaryStore) -> None:
    """A remembered key whose day is over no longer binds, and its row is swept."""
    backend = await database.backend(sweep_interval=3600)
    request = PutRequest(id="r", items=[PutItem(key=b"k")], idempotency_key="once")
    other = PutRequest(id="r", items=[PutItem(key=b"k", value=b"other")], idempotency_key="once")
    await keyvalue(backend).put(request, HERE)
    with pytest.raises(AlreadyExists):
        await keyvalue(backend).put(other, HERE)
    with closing(sqlite3.connect(file_of(database), isolation_level=None)) as connection:
        (until,) = connection.execute("SELECT until FROM idempotency").fetchone()
        connection.execute("UPDATE idempotency SET until = until - 86400 * 1000000")
        (past,) = connection.execute("SELECT until FROM idempotency").fetchone()
        assert until - past == 86_400_000_000
        await keyvalue(backend).put(other, HERE)
        connection.execute("UPDATE idempotency SET until = 0")
        await backend.stop()
        sweeping = await database.backend(sweep_interval=0.001)
        async with asyncio.timeout(20):
            while connection.execute("SELECT count(*) FROM idempotency").fetchone() != (0,):
                await sweeping.health()


async def test_two_instances_serve_one_file(database: TemporaryStore) -> None:
    """During a reload the old and the new write side by side, and each reads what the other was told is stored."""
    old, new = await database.backend(), await database.backend()

    async def write_and_read(writer: SqliteBackend, reader: SqliteBackend, number: int) -> bytes | None:
        name = f"{id(writer)}-{number}"
        await keyvalue(writer).put(put(name), HERE)
        return await value_of(reader, name)

    pairs = [(old, new), (new, old)]
    values = await asyncio.gather(*(write_and_read(*pair, number) for pair in pairs for number in range(50)))
    assert values == [b"v"] * 100
    await old.stop()
    await keyvalue(new).put(put("after"), HERE)
    assert await value_of(new, "after") == b"v"


COUNTER = """
import asyncio, sys
from pathlib import Path
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.keyvalue import SqliteKeyValue
from prism.interfaces.keyvalue import CompareAndSwapRequest, Context
from prism.sdk import NoCredentials

HERE = Context("here")

async def main():
    backend = SqliteBackend(SqliteConfig(path=Path(sys.argv[1]), busy_timeout=30), NoCredentials())
    await backend.start()
    (keyvalue,) = [each for each in backend.interfaces if isinstance(each, SqliteKeyValue)]
    value = b"0"
    for _ in range(50):
        while True:
            new = b"%d" % (int(value) + 1)
            swap = CompareAndSwapRequest(id="r", key=b"count", expected_value=value, new_value=new)
            answer = await keyvalue.compare_and_swap(swap, HERE)
            value = answer.current.value
            if answer.swapped:
                break
    await backend.stop()

asyncio.run(main())
"""


async def test_several_processes_count_together(database: TemporaryStore) -> None:
    """Three processes swap one counter on one file: no count is lost, and the file is whole."""
    backend = await database.backend(busy_timeout=30)
    first = CompareAndSwapRequest(id="r", key=b"count", expected_absent={}, new_value=b"0")
    assert (await keyvalue(backend).compare_and_swap(first, HERE)).swapped
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", COUNTER, str(file_of(database))) for _ in range(3)
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    assert await value_of(backend, "r", b"count") == b"150"
    with closing(sqlite3.connect(file_of(database))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("DELETE FROM item")
print("locked", flush=True)
sys.stdin.read()
"""


async def test_a_lock_dies_with_its_process(database: TemporaryStore) -> None:
    """While another process holds the file, a write is NOT_APPLIED and reads go on; killed amid its transaction, it
    leaves nothing behind."""
    backend = await database.backend(busy_timeout=0.05, sweep_interval=3600)
    await keyvalue(backend).put(put("r"), HERE)
    pipe = asyncio.subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(file_of(database)), stdin=pipe, stdout=pipe
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"locked\n"
    with pytest.raises(Conflict, match="another process is writing") as caught:
        await keyvalue(backend).put(put("r", value=b"w"), HERE)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await value_of(backend, "r") == b"v"
    holder.kill()
    await holder.communicate()
    await keyvalue(backend).put(put("r", value=b"w"), HERE)
    assert await value_of(backend, "r") == b"w"
