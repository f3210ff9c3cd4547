"""What looks like SQL is text: in every text field of every operation, in namespaces, and in the configuration."""

from urllib.parse import quote

import pytest

from prism.backends.postgres.config import PostgresCredentials
from prism.backends.postgres.testing import RunningServer
from prism.errors import BackendCredentials, FailedPrecondition, InvalidArgument

from .store import OpenStore, Store

HOSTILE = [
    "'; DROP SCHEMA prism CASCADE; --",
    '"; DELETE FROM prism.items; --',
    "') ON CONFLICT DO NOTHING; TRUNCATE prism.items; --",
    "' OR '1'='1",
    "\\'; DROP TABLE items; --",
    "$1",
    "$$; DROP TABLE items; $$",
    "%",
    "_",
    "\\",
    "\\x00",
    "E'\\\\x00'",
    "{}",
    "{NULL}",
    "NULL",
    "%s",
    "a'b\"c",
    "/*",
    "ß",
    "\ufeff",
    "\U0010ffff",
]


@pytest.fixture
async def guarded(store: Store) -> Store:
    """A store with a bystander's data."""
    await store.put("bystander", {b"k": b"v"}, namespace="bystander")
    await store.cache("Set", key=b"k", value=b"v", namespace="bystander")
    return store


async def assert_unharmed(store: Store, server: RunningServer, url: str) -> None:
    """The bystander's data is there, and the tables are those that there were."""
    assert await store.get("bystander", b"k", namespace="bystander") == {b"k": b"v"}
    assert (await store.cache("Get", key=b"k", namespace="bystander")).value == b"v"
    tables = server.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'", url=url)
    # Those of queues, logs and series have a part for each space of time.
    assert sorted(row[0] for row in tables if not row[0].startswith(("queue_", "pubsub_", "series_"))) == [
        "abstraction_versions",
        "cache",
        "graph_edge",
        "graph_label",
        "graph_node",
        "idempotency",
        "items",
        "mailbox",
        "mailbox_dead",
        "mailbox_message",
        "mailbox_position",
        "mailbox_reader",
        "mailbox_shard",
        "mailbox_waiter",
        "schema_version",
        "transact_idempotency",
    ]


async def use_key_value(store: Store, text: str) -> None:
    """Every operation of KeyValue with that text wherever text may be."""
    key, within = text.encode(), {"namespace": text}
    item = {"key": key, "value": key, "metadata": {text: text}}
    for _ in range(2):
        put = await store.call("Put", id=text, items=[item], idempotency_key=text, **within)
    await store.put("other", {b"k": b"v"}, **within)
    await store.put(text, {key + b"!": b"beside"}, **within)
    (found,) = (await store.call("Get", id=text, keys=[key], **within)).items
    assert (found.key, found.value, dict(found.metadata)) == (key, key, {text: text})
    assert [found.version] == list(put.versions)
    assert list((await store.call("Exists", id=text, keys=[key, b"none"], **within)).keys) == [key]
    (read,) = (await store.call("BatchGet", reads=[{"id": text, "keys": [key]}], **within)).results
    assert (read.id, list(read.items)) == (text, [found])
    assert list((await store.call("ListRecords", prefix=text, **within)).ids) == [text]
    assert text in (await store.call("ListRecords", start=text, **within)).ids
    for bounds in ({"prefix": key}, {"start": key}, {"end": key + b"!"}, {"start": key, "end": key + b"!"}):
        scanned = list((await store.call("Scan", id=text, **bounds, **within)).items)
        assert scanned[0] == found, bounds
        assert (await store.stream(id=text, **bounds, **within))[0].items[0] == found, bounds
    page = await store.call("Scan", id=text, limit=1, **within)
    (rest,) = (await store.call("Scan", id=text, limit=1, cursor=page.next_cursor, **within)).items
    assert rest.key == key + b"!"
    assert list((await store.call("Expire", id=text, keys=[key], ttl={"seconds": 100}, **within)).keys) == [key]
    assert list((await store.call("Persist", id=text, keys=[key], **within)).keys) == [key]
    swap = {"id": text, "key": key, "expected_value": key, "new_value": key + b"new"}
    assert (await store.call("CompareAndSwap", **swap, **within)).swapped
    swap = {"id": text, "key": key, "expected_version": key, "new_value": b"never"}
    assert not (await store.call("CompareAndSwap", **swap, **within)).swapped
    writes = [{"id": text, "items": [item]}]
    assert [each.id for each in (await store.call("BatchPut", writes=writes, **within)).results] == [text]
    assert list((await store.call("Delete", id=text, keys=[key], **within)).keys) == [key]
    assert (await store.call("Delete", id=text, **within)).count == 1
    assert await store.get("other", b"k", **within) == {b"k": b"v"}
    assert await store.backend.holds_data(text)


async def use_cache(store: Store, text: str) -> None:
    """Every operation of Cache with it, and every mode."""
    key, within = text.encode(), {"namespace": text}
    for mode in ("CACHE_SET_MODE_IF_ABSENT", "CACHE_SET_MODE_IF_PRESENT", "CACHE_SET_MODE_ALWAYS"):
        assert (await store.cache("Set", key=key, value=key, mode=mode, **within)).stored
    await store.cache("Set", key=b"other", value=b"v", **within)
    assert (await store.cache("Get", key=key, **within)).value == key
    found = (await store.cache("MGet", keys=[key, b"none"], **within)).entries
    assert [(each.key, each.value) for each in found] == [(key, key)]
    assert list((await store.cache("Exists", keys=[key], **within)).keys) == [key]
    assert (await store.cache("Expire", key=key, ttl={"seconds": 100}, **within)).existed
    assert (await store.cache("Ttl", key=key, **within)).ttl.seconds in {99, 100}
    with pytest.raises(FailedPrecondition):
        await store.cache("Increment", key=key, delta=1, **within)
    assert (await store.cache("Delete", keys=[key], **within)).count == 1
    assert (await store.cache("Increment", key=key, delta=7, **within)).value == 7
    assert (await store.cache("Get", key=b"other", **within)).value == b"v"


async def test_in_key_value(guarded: Store, postgres_server: RunningServer, postgres_url: str):
    """As namespace, id, key, value, metadata, idempotency key, prefix and bound: it comes back as it went in, it finds
    itself and nothing else."""
    for text in HOSTILE:
        await use_key_value(guarded, text)
        await assert_unharmed(guarded, postgres_server, postgres_url)


async def test_in_cache(guarded: Store, postgres_server: RunningServer, postgres_url: str):
    """As namespace, key and value: the same."""
    for text in HOSTILE:
        await use_cache(guarded, text)
        await assert_unharmed(guarded, postgres_server, postgres_url)


async def test_as_a_cursor(guarded: Store, postgres_server: RunningServer, postgres_url: str):
    """It is refused as one that is none of ours."""
    for text in HOSTILE:
        for method, fields in (("Scan", {"id": "bystander"}), ("ListRecords", {})):
            with pytest.raises(InvalidArgument, match="cursor"):
                await guarded.call(method, cursor=text.encode(), namespace="bystander", **fields)
    await assert_unharmed(guarded, postgres_server, postgres_url)


@pytest.mark.parametrize("text", ["'; DROP SCHEMA prism CASCADE; --", 'a"; --', "postgres options='-c x=y'"])
async def test_in_account_and_database(postgres_url: str, open_store: OpenStore, text: str):
    """A user that is none and a database that is none are refused as such, whatever their names look like."""
    store = await open_store(postgres_url, start=False, credentials=PostgresCredentials(username=text, password=text))
    with pytest.raises(BackendCredentials):
        await store.backend.start()
    elsewhere = f"{postgres_url.rpartition('/')[0]}/{quote(text, safe='')}"
    store = await open_store(elsewhere, start=False)
    with pytest.raises(FailedPrecondition, match="the database does not exist"):
        await store.backend.start()


async def test_options_of_the_connection_string_take_nothing_back(postgres_url: str, open_store: OpenStore):
    """What the statements rely upon is set behind them: the tables, the isolation, the durability, the time-outs."""
    options = "search_path=public&synchronous_commit=off&statement_timeout=0&default_transaction_isolation=serializable"
    wished = f"{postgres_url}?{options}&options=-c%20search_path%3Dpublic%20-c%20lock_timeout%3D0"
    store = await open_store(wished)
    await store.put("r", {b"k": b"v"})
    (session,) = store.backend._sessions._open
    names = ("search_path", "synchronous_commit", "statement_timeout", "default_transaction_isolation", "lock_timeout")
    found = {name: await session.connection.fetchval("SELECT current_setting($1)", name) for name in names}
    assert found == {
        "search_path": "prism",
        "synchronous_commit": "on",
        "statement_timeout": "30s",
        "default_transaction_isolation": "read committed",
        "lock_timeout": "5s",
    }
