"""KeyValue under races: own writes in every kind of read, puts whole, racing deletes and batches."""

import asyncio

from prism.acceptance.suites.keyvalue.dsl import KeyValue, put_items
from prism.interfaces.keyvalue import PutRequest

CALLERS = 64


async def test_a_writer_reads_its_own_write(kv: KeyValue) -> None:
    """CONTRACT, common rules: a reader sees its own acknowledged writes, through any gateway, amid coalesced calls."""
    kv.needs("read_your_writes")

    async def write_and_read(number: int) -> None:
        record, key = f"r{number % 8}", b"k%d" % number
        for turn in range(4):
            door = number + turn
            value = b"%d of %d" % (turn, number)
            versions = await kv.put(record, {key: value}, via=door)
            item = await kv.item(record, key, via=door + 1)
            assert (item.value, [item.version]) == (value, versions or [b""])
            assert await kv.exists(record, key, via=door + 1) == [key]
        assert list((await kv.delete(record, key, via=number)).keys) == [key]
        assert await kv.get(record, key, via=number + 1) == []

    await asyncio.gather(*(write_and_read(number) for number in range(CALLERS)))


async def test_a_writer_scans_its_own_write(kv: KeyValue) -> None:
    """CONTRACT, common rules: a reader sees its own acknowledged writes: in scans and listings too."""
    kv.needs("read_your_writes", "scan")

    async def write_and_scan(number: int) -> None:
        record = f"r{number:02}"
        for turn in range(3):
            await kv.put(record, {b"%d" % turn: b"v"})
            assert await kv.keys(record) == [b"%d" % each for each in range(turn + 1)]
            assert list((await kv.ids_page(prefix=record)).ids) == [record]
        await kv.delete(record)
        assert await kv.keys(record) == []
        assert list((await kv.ids_page(prefix=record)).ids) == []

    await asyncio.gather(*(write_and_scan(number) for number in range(CALLERS // 2)))


async def test_a_put_is_seen_whole_or_not_at_all(kv: KeyValue) -> None:
    """CONTRACT, Put: all items or none where `transactions` is declared: no read sees half of one."""
    kv.needs("transactions")
    keys = [bytes([letter]) for letter in b"hgfedcba"]
    await kv.put("r", dict.fromkeys(keys, b"start"))
    done = asyncio.Event()
    seen: set[bytes] = set()

    async def write(number: int) -> None:
        for turn in range(12):
            await kv.put("r", dict.fromkeys(keys[:: -1 if number % 2 else 1], b"%d of %d" % (turn, number)))

    async def read() -> None:
        while not done.is_set():
            values = await kv.values("r", *keys)
            assert len(values) == len(keys)
            assert len(set(values.values())) == 1, values
            seen.update(values.values())

    readers = [asyncio.create_task(read()) for _ in range(4)]
    try:
        await asyncio.gather(*(write(number) for number in range(4)))
    finally:
        done.set()
        await asyncio.gather(*readers)
    assert len(seen) > 1


async def test_puts_in_opposite_orders_do_not_block_each_other(kv: KeyValue) -> None:
    """CONTRACT, Put: racing puts of the same items all succeed, and one of them stands whole where transactions do."""
    keys = [b"%02d" % number for number in range(20)]

    async def write(number: int) -> list[bytes]:
        order = keys[:: -1 if number % 2 else 1]
        return await kv.put("r", dict.fromkeys(order, b"%d" % number))

    for _ in range(3):
        answers = await asyncio.gather(*map(write, range(32)))
        items = await kv.get("r", *keys)
        assert len(items) == len(keys)
        winner = int(items[0].value)
        if kv.capabilities.transactions:
            assert {item.value for item in items} == {b"%d" % winner}
            assert [item.version for item in items] == answers[winner][:: -1 if winner % 2 else 1]


async def test_batches_that_overlap_do_not_block_each_other(kv: KeyValue) -> None:
    """CONTRACT, BatchPut: racing batches over the same records, in any order, are all applied."""
    records = [f"r{number:02}" for number in range(20)]

    async def write(number: int) -> None:
        order = records[number % 20 :] + records[: number % 20]
        writes = [PutRequest(id=each, items=put_items({b"a": b"%d" % number, b"b": b"%d" % number})) for each in order]
        results = await kv.batch_put(*writes)
        assert [each.error.message for each in results if each.HasField("error")] == []

    await asyncio.gather(*map(write, range(12)))
    for each in await kv.batch_get({record: [b"a", b"b"] for record in records}):
        assert len({item.value for item in each.items}) == 1
        assert len(each.items) == 2


async def test_puts_into_one_record_all_stay(kv: KeyValue) -> None:
    """CONTRACT, Put: writers of different items of one record lose nothing of each other."""
    await asyncio.gather(*(kv.put("r", {b"%02d" % number: b"%d" % number}) for number in range(CALLERS)))
    keys = [b"%02d" % number for number in range(CALLERS)]
    assert await kv.values("r", *keys) == {key: b"%d" % number for number, key in enumerate(keys)}


async def test_of_racing_deletes_one_found_the_item(kv: KeyValue) -> None:
    """CONTRACT, Delete -> which existed: an item is there for one of the callers that delete it."""
    for turn in range(5):
        await kv.put("r", {b"a": b"v", b"b": b"v"})
        keys = (b"a", b"b") if turn % 2 else (b"b", b"a")
        answers = await asyncio.gather(*(kv.delete("r", *keys[:: -1 if each % 2 else 1]) for each in range(16)))
        assert sum(answer.count for answer in answers) == 2
        assert sorted(key for answer in answers for key in answer.keys) == [b"a", b"b"]


async def test_reads_agree_after_a_scuffle(kv: KeyValue) -> None:
    """CONTRACT, KeyValue: after puts and deletes of the same items at once, every read tells the same."""

    async def scuffle(number: int) -> None:
        for turn in range(6):
            key = b"%d" % ((number + turn) % 5)
            if (number + turn) % 3:
                await kv.put(f"r{number % 2}", {key: b"%d" % number})
            elif turn % 2:
                await kv.delete(f"r{number % 2}", key)
            else:
                await kv.delete(f"r{number % 2}")

    await asyncio.gather(*map(scuffle, range(24)))
    for record in ("r0", "r1"):
        keys = [b"%d" % number for number in range(5)]
        items = await kv.get(record, *keys)
        assert await kv.exists(record, *keys) == [item.key for item in items]
        if kv.capabilities.scan:
            assert await kv.scan(record) == items
            assert [item for _, item in await kv.stream(record)] == items
            assert (record in await kv.ids()) == bool(items)
