"""Sessions run out: fewer than the pool would take, or none to spare."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from prism.backends.postgres.config import PostgresCredentials
from prism.backends.postgres.testing import RunningServer

from .store import OpenStore

LIMIT = 3


@pytest.fixture
def limited(postgres_server: RunningServer, postgres_url: str) -> Iterator[PostgresCredentials]:
    """An account that may have three connections."""
    database = role = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p' CONNECTION LIMIT {LIMIT}")
    postgres_server.execute(f'GRANT CREATE ON DATABASE "{database}" TO {role}')
    yield PostgresCredentials(username=role, password="p")
    postgres_server.execute(f"DROP OWNED BY {role} CASCADE", url=postgres_url)
    postgres_server.execute(f"DROP ROLE {role}")


async def test_a_server_with_fewer_connections_than_the_pool_fails_no_call(
    postgres_url: str, open_store: OpenStore, limited: PostgresCredentials
):
    """Every kind of call at once wants more sessions than the server gives: all are served by those that stand."""
    store = await open_store(postgres_url, credentials=limited)

    async def use(n: int) -> None:
        id_ = f"r{n}"
        await store.put(id_, {b"k": b"v"})
        swap = {"id": id_, "key": b"k", "expected_value": b"v", "new_value": b"w"}
        assert (await store.call("CompareAndSwap", **swap)).swapped
        assert await store.get(id_, b"k") == {b"k": b"w"}
        assert (await store.call("Exists", id=id_, keys=[b"k"])).keys == [b"k"]
        assert [each.value for each in (await store.call("Scan", id=id_)).items] == [b"w"]
        assert (await store.call("Delete", id=id_)).count == 1

    await asyncio.gather(*(use(n) for n in range(50)))
    assert store.backend.metrics()["pool_connections_open"] == LIMIT


async def test_a_pool_never_grows_beyond_its_size(postgres_url: str, open_store: OpenStore):
    """Whatever is asked at once, with every write stuck behind a lock: no more sessions than `pool_size`."""
    store = await open_store(postgres_url, pool_size=9)
    await store.put("r", {b"k": b"v"})
    outsider = await asyncpg.connect(postgres_url)
    async with outsider.transaction():
        await outsider.execute("SELECT FROM prism.items FOR UPDATE")
        stuck = [store.put("r", {b"k": b"w"}) for _ in range(20)]
        stuck += [store.call("Delete", id="r", keys=[b"k"]) for _ in range(20)]
        writing = asyncio.gather(*stuck)
        reads = [store.call("Scan", id="r") for _ in range(20)]
        await asyncio.gather(*reads, *(store.get("r", b"k") for _ in range(20)))
        assert store.backend.metrics()["pool_connections_open"] <= 9
    await writing
    assert store.backend.metrics()["pool_connections_open"] <= 9
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'prism' AND datname = current_database()"
    assert await outsider.fetchval(count) == store.backend.metrics()["pool_connections_open"]
    await outsider.close()
