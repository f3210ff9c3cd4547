"""Calls that travel together: how many statements they become, and that each keeps its own answer."""

import asyncio
import random

from prism._proto.data.v1 import keyvalue_pb2 as pb

from .store import OpenStore, Store


async def executions(store: Store, text: str) -> list[tuple[int, int]]:
    """How often each session has run the prepared statement that holds `text`, with generic and with custom plans."""
    counts = []
    for session in store.backend._sessions._open:
        statement = "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements"
        for sql, generic, custom in await session.connection.fetch(statement):
            if text in sql:
                counts.append((generic, custom))
    return counts


async def test_gets_of_many_callers_are_few_statements(store: Store):
    """300 concurrent gets, across namespaces and records, are but a handful of executions in the server."""
    names = [(f"ns{n % 3}", f"r{n}") for n in range(300)]
    await asyncio.gather(*(store.put(id_, {b"k": id_.encode()}, namespace=ns) for ns, id_ in names))
    assert 1 <= sum(generic for generic, _ in await executions(store, 'INSERT INTO "prism".items')) <= 6
    found = await asyncio.gather(*(store.get(id_, b"k", b"none", namespace=ns) for ns, id_ in names))
    assert found == [{b"k": id_.encode()} for _, id_ in names]
    assert 1 <= sum(generic for generic, _ in await executions(store, "asked.n, value")) <= 6


async def test_statements_are_prepared_once(store: Store):
    """A hundred gets one after the other are one parse and no plan of their own."""
    await store.put("r", {b"k": b"v"})
    for _ in range(100):
        await store.get("r", b"k")
    assert await executions(store, "SELECT value") == [(100, 0)]


async def test_overlapping_batches_of_several_gateways_do_not_deadlock(open_store: OpenStore, postgres_url: str):
    """Puts, deletes and expiries of the same items in every order: none fails, none loses an item of a put."""
    stores = [await open_store(postgres_url) for _ in range(3)]
    keys = [b"%d" % n for n in range(8)]
    shuffler = random.Random(7)

    async def work(store: Store, n: int) -> None:
        shuffled = shuffler.sample(keys, len(keys))
        id_ = f"r{shuffler.randrange(3)}"
        match n % 4:
            case 0:
                await store.call("Delete", id=id_, keys=shuffled[:4])
            case 1:
                await store.call("Expire", id=id_, keys=shuffled, ttl={"seconds": 100})
            case _:
                await store.put(id_, dict.fromkeys(shuffled, b"%d" % n))

    await asyncio.gather(*(work(store, n) for n in range(200) for store in stores))
    final = dict.fromkeys(keys, b"last")
    await asyncio.gather(*(store.put("r0", final) for store in stores))
    assert await stores[0].get("r0", *keys) == final


async def test_a_put_is_whole_to_readers_of_another_gateway(open_store: OpenStore, postgres_url: str):
    """While one gateway rewrites two items together, another never sees them differ."""
    writer, reader = await open_store(postgres_url), await open_store(postgres_url)
    await writer.put("r", {b"a": b"0", b"b": b"0"})

    async def write() -> None:
        for n in range(100):
            await asyncio.gather(*(writer.put("r", {b"a": b"%d" % n, b"b": b"%d" % n}) for _ in range(4)))

    writing = asyncio.create_task(write())
    while not writing.done():
        items = await reader.get("r", b"a", b"b")
        assert items[b"a"] == items[b"b"]
    await writing


async def test_a_write_is_read_by_whoever_waits_for_it(open_store: OpenStore, postgres_url: str):
    """64 callers write and at once read back, through this gateway and the other, batches or not."""
    stores = [await open_store(postgres_url) for _ in range(2)]

    async def write_and_read(n: int) -> None:
        for turn in range(10):
            value = b"%d-%d" % (n, turn)
            await stores[n % 2].put("shared", {b"%d" % n: value})
            assert await stores[(n + turn) % 2].get("shared", b"%d" % n) == {b"%d" % n: value}

    await asyncio.gather(*(write_and_read(n) for n in range(64)))


async def test_values_of_a_batch_do_not_mix(store: Store):
    """Callers who ask for the same keys, for several, for one twice or for none that exists each get their own."""
    await store.put("r", {b"a": b"1", b"b": b"2"})
    asked = [(b"a",), (b"b", b"a"), (b"none",), (b"a", b"a"), (b"none", b"b")] * 20
    answers = await asyncio.gather(*(store.call("Get", id="r", keys=keys) for keys in asked))
    stored = {b"a": b"1", b"b": b"2"}
    expected = [[(key, stored[key]) for key in keys if key in stored] for keys in asked]
    assert [[(each.key, each.value) for each in answer.items] for answer in answers] == expected
    existing = await asyncio.gather(*(store.call("Exists", id="r", keys=keys) for keys in asked))
    assert [list(answer.keys) for answer in existing] == [[key for key in keys if key in stored] for keys in asked]


async def test_versions_of_a_batch_belong_to_their_items(store: Store):
    """Each put of a batch is answered with the versions that reads then give."""
    puts = {f"r{n}": {b"%d" % k: b"v" for k in random.Random(n).sample(range(9), 5)} for n in range(60)}
    versions = await asyncio.gather(*(store.put(id_, items) for id_, items in puts.items()))
    for (id_, items), answered in zip(puts.items(), versions, strict=True):
        found: pb.KeyValueGetResponse = await store.call("Get", id=id_, keys=list(items))
        assert [each.version for each in found.items] == answered
