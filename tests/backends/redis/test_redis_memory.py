"""A Redis with a bound on its memory: a cache takes more and lets go; a put is stored as a whole, or not at all."""

import pytest

from backends.redis.conftest import Make, Open
from prism.backends.redis.testing.server import RedisServer
from prism.errors import Outcome, StoreFull
from prism.interfaces import cache, keyvalue

MEGABYTE = 1 << 20


async def test_a_cache_takes_more_than_there_is_memory_for(make_server: Make, open_store: Open) -> None:
    """maxmemory-policy allkeys-lru: every set is taken, some of the entries have gone, and what is there is right."""
    server = make_server(maxmemory=str(8 * MEGABYTE), maxmemory_policy="allkeys-lru", appendonly="no")
    store = await open_store(server)
    keys = [b"%d" % number for number in range(400)]
    for key in keys:
        answer = await store.call("cache.set", cache.SetRequest(key=key, value=key + bytes(MEGABYTE // 16)))
        assert answer.stored
    found = {}
    for key in keys:
        answer = await store.call("cache.get", cache.GetRequest(key=key))
        if answer.HasField("value"):
            found[key] = answer.value
    assert 0 < len(found) < len(keys)
    assert all(value == key + bytes(MEGABYTE // 16) for key, value in found.items())
    assert server.command("INFO", "stats")["evicted_keys"] >= len(keys) - len(found)


async def test_items_that_were_evicted_are_gone_from_every_read(make_server: Make, open_store: Open) -> None:
    """Where an operator lets Redis evict items, what is left is served: no read fails, and none gives half an item."""
    server = make_server(maxmemory=str(8 * MEGABYTE), maxmemory_policy="allkeys-lru", appendonly="no")
    store = await open_store(server)
    for number in range(300):
        await store.put("r", b"%03d" % number, b"%03d" % number + bytes(MEGABYTE // 16))
    keys = [b"%03d" % number for number in range(300)]
    page = await store.call("keyvalue.scan", keyvalue.ScanRequest(id="r", limit=1000))
    whole = {key: key + bytes(MEGABYTE // 16) for key in keys}
    assert all(item.value == whole[item.key] for item in page.items)
    found = [await store.get("r", key) for key in keys]  # each read may have Redis let go of more
    assert None in found
    assert any(found)
    assert all(value in (None, whole[key]) for key, value in zip(keys, found, strict=True))


async def test_a_put_without_room_stores_none_of_its_items(server: RedisServer, open_store: Open) -> None:
    """noeviction and no room: STORE_FULL and NOT_APPLIED, for the last item as for the first; a delete makes room."""
    store = await open_store(server)
    await store.put("r", b"old", b"v")
    server.command("CONFIG", "SET", "maxmemory", "1")
    items = [keyvalue.PutItem(key=key, value=b"v") for key in (b"a", b"b", b"c")]
    with pytest.raises(StoreFull) as caught:
        await store.call("keyvalue.put", keyvalue.PutRequest(id="r", items=items))
    assert caught.value.outcome is Outcome.NOT_APPLIED
    deleted = await store.call("keyvalue.delete", keyvalue.DeleteRequest(id="r", keys=[b"old"]))
    assert list(deleted.keys) == [b"old"]
    server.command("CONFIG", "SET", "maxmemory", "0")
    assert [await store.get("r", key) for key in (b"a", b"b", b"c", b"old")] == [None] * 4


async def test_messages_need_no_room(server: RedisServer, open_store: Open) -> None:
    """A Redis that takes no more items still passes messages on."""
    store = await open_store(server)
    async with store.listening() as listening:
        server.command("CONFIG", "SET", "maxmemory", "1")
        await store.publish("t")
        assert (await listening.next()).topic == "t"
