"""Queue on PostgreSQL: what is its store's alone. What it means is in the acceptance suite."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from prism.backends.postgres import watch
from prism.errors import TopicNotFound
from prism.interfaces import queue as q

from .pooler import Pooler
from .store import OpenStore, Store

WAIT = {"seconds": 20}


async def receive(store: Store, count: int = 1, wait: object = None, group: str = "g") -> list[q.Message]:
    """Messages of the topic `t`."""
    return list((await store.queue("Receive", topic="t", group=group, max=count, wait=wait)).messages)


async def acknowledge(store: Store, *messages: q.Message, group: str = "g") -> None:
    """Acknowledges; must succeed."""
    answer = await store.queue("Acknowledge", topic="t", group=group, receipts=[each.receipt for each in messages])
    assert not any(each.HasField("error") for each in answer.results)


async def waiting(connection: asyncpg.Connection) -> None:
    """Returns when somebody is registered who is to be told."""
    async with asyncio.timeout(20):
        while not await connection.fetchval("SELECT count(*) FROM prism.queue_waiter"):  # noqa: ASYNC110  # a store's
            await asyncio.sleep(0.01)


@pytest.fixture(params=["session", "transaction"])
def pooler(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Pooler]:
    """A pooler in a mode that works."""
    with Pooler(postgres_url, request.param, default_pool_size=40 if request.param == "session" else 3) as pooler:
        yield pooler


async def test_behind_a_pooler(pooler: Pooler, open_store: OpenStore) -> None:
    """Publish, deliver, settle and count through it; who waits learns of another gateway's messages by looking."""
    one, other = await open_store(pooler.url), await open_store(pooler.url)
    await one.queue("CreateGroup", topic="t", group="g")
    await asyncio.gather(*(one.queue("Publish", topic="t", payload=b"%d" % number) for number in range(50)))
    found = await receive(other, 50)
    assert len(found) == 50
    await acknowledge(one, *found[:49])
    await one.queue("Nack", topic="t", group="g", receipts=[found[49].receipt], dead=True)
    counts = (await other.queue("DescribeGroup", topic="t", group="g")).counts
    assert (counts.offered, counts.acknowledged, counts.dead) == (50, 49, 1)
    receiving = asyncio.create_task(receive(one, wait=WAIT))
    await asyncio.sleep(0.1)
    await other.queue("Publish", topic="t", payload=b"late")
    (late,) = await receiving
    publishes = [{"topic": "next", "payload": b"x"}]
    await other.queue("Commit", topic="t", group="g", receipts=[late.receipt], publishes=publishes)
    assert (await one.queue("DescribeTopic", topic="next")).messages == 1
    await one.backend._sweep()


async def test_who_waits_is_told(
    postgres_url: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, outsider: asyncpg.Connection
) -> None:
    """What another gateway publishes, and what it gives back, wakes who waits without a look."""
    await outsider.execute("ROLLBACK")
    monkeypatch.setattr(watch, "LOOK", 3600.0)
    one, other = await open_store(postgres_url), await open_store(postgres_url)
    await other.queue("CreateGroup", topic="t", group="g")
    receiving = asyncio.create_task(receive(one, wait=WAIT))
    await waiting(outsider)
    await other.queue("Publish", topic="t", payload=b"work")
    (message,) = await asyncio.wait_for(receiving, 10)
    receiving = asyncio.create_task(receive(one, wait=WAIT))
    await asyncio.sleep(0.05)
    await other.queue("Release", topic="t", group="g", receipts=[message.receipt])
    (again,) = await asyncio.wait_for(receiving, 10)
    assert again.message_id == message.message_id


async def test_nobody_is_told_where_nobody_waits(postgres_url: str, open_store: OpenStore) -> None:
    """NOTIFY makes commits wait for each other: a publisher sends it only where somebody else waits for the topic."""
    store = await open_store(postgres_url)
    outsider = await asyncpg.connect(postgres_url)
    told: list[object] = []
    channel = await outsider.fetchval("SELECT 'prism.queue.' || hashtext('prism')")
    await outsider.add_listener(channel, lambda *said: told.append(said[-1]))
    await store.queue("Publish", topic="t")
    await receive(store)
    await outsider.execute("SELECT 1")
    assert told == []
    await outsider.execute("INSERT INTO prism.queue_waiter SELECT number, 1, 9e18 FROM prism.queue_topic")
    await store.queue("Publish", topic="t")
    await outsider.execute("SELECT 1")
    assert told == [str(await outsider.fetchval("SELECT number FROM prism.queue_topic"))]
    await outsider.close()


async def test_partitions_are_made_when_they_are_missing(store: Store, outsider: asyncpg.Connection) -> None:
    """The first message of a time finds none: it is stored all the same, in a topic of any retention."""
    await outsider.execute("ROLLBACK")
    for seconds in (60, 86_400, 30 * 86_400, 400 * 86_400):
        config = {"retention": {"seconds": seconds}}
        await store.queue("CreateTopic", topic=f"t{seconds}", config=config)
        await store.queue("Publish", topic=f"t{seconds}")
    spans = await outsider.fetch("SELECT DISTINCT span FROM prism.queue_log ORDER BY span")
    assert [span for (span,) in spans] == [1, 2, 3, 4]


async def test_a_retention_of_another_span(store: Store) -> None:
    """Messages, what is in flight and what is acknowledged move with their topic."""
    await store.queue("CreateGroup", topic="t", group="g")
    for number in range(3):
        await store.queue("Publish", topic="t", payload=b"%d" % number)
    one, two = await receive(store, 2)
    await acknowledge(store, one)
    await store.queue("UpdateTopic", topic="t", config={"retention": {"seconds": 400 * 86_400}})
    await acknowledge(store, one, two)
    assert [each.payload for each in await receive(store, 5)] == [b"2"]
    counts = (await store.queue("DescribeGroup", topic="t", group="g")).counts
    assert (counts.offered, counts.acknowledged, counts.in_flight) == (3, 2, 1)


async def test_partitions_whose_time_is_over_are_dropped(store: Store, outsider: asyncpg.Connection) -> None:
    """Whole, when the last group has counted what it did not get; not while something in them is in flight, or dead
    letters, which are kept apart."""
    await outsider.execute("ROLLBACK")
    await store.queue("CreateTopic", topic="t", config={"retention": {"seconds": 3600}})
    for group in ("g", "late"):
        await store.queue("CreateGroup", topic="t", group=group)
    for name in (b"flying", b"dead", b"waiting"):
        await store.queue("Publish", topic="t", payload=name)
    flying, dead = await receive(store, 2)
    await store.queue("Nack", topic="t", group="g", receipts=[dead.receipt], dead=True)
    # Two hours pass: all that is stored moves into the past.
    past = 7_200_000_000
    for beside in (-60_000_000, 0, 60_000_000):
        await outsider.execute(
            "SELECT prism.queue_partition(1::smallint, prism.queue_now() - $1::bigint + $2::bigint)", past, beside
        )
    for table in ("log", "entry"):
        await outsider.execute(f"UPDATE prism.queue_{table} SET seq = seq - $1", past)
    await outsider.execute("UPDATE prism.queue_dead SET seq = seq - $1", past)
    await outsider.execute("UPDATE prism.queue_progress SET cursor = greatest(cursor - $1, 0)", past)

    async def slots() -> int:
        count: int = await outsider.fetchval(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'prism.queue_log'::regclass "
            "AND inhrelid::regclass::text LIKE '%queue_log_1_%' "
            "AND split_part(inhrelid::regclass::text, '_', 4)::bigint < (prism.queue_now() - 3600000000) / 900000000"
        )
        return count

    assert await slots()
    await store.backend._sweep()
    assert await slots() == 1  # an empty one is there beside it where a quarter of an hour has just begun
    await outsider.execute("UPDATE prism.queue_entry SET at = 1 WHERE state = 3")
    await outsider.execute("UPDATE prism.queue_progress SET scanned = 0")
    await store.backend._sweep()
    await store.backend._sweep()
    assert await slots() == 0
    counts = (await store.queue("DescribeGroup", topic="t", group="g")).counts
    assert (counts.offered, counts.expired, counts.dead) == (3, 2, 1)
    assert (await store.queue("DescribeGroup", topic="t", group="late")).counts.expired == 3
    await store.queue("Redrive", topic="t", group="g", limit=5)
    assert [each.payload for each in await receive(store)] == [b"dead"]
    assert flying.payload == b"flying"


async def test_publishers_do_not_wait_for_a_reader_of_what_is_dropped(
    store: Store, outsider: asyncpg.Connection
) -> None:
    """A dump that reads the log for long lets partitions stay a while, and holds up nobody."""
    await outsider.execute("ROLLBACK")
    await store.queue("CreateTopic", topic="t", config={"retention": {"seconds": 3600}})
    await outsider.execute("SELECT prism.queue_partition(1::smallint, prism.queue_now() - 86400000000)")
    await outsider.execute("BEGIN; SELECT count(*) FROM prism.queue_log")
    await store.backend._sweep()
    await store.queue("Publish", topic="t")
    await outsider.execute("COMMIT")
    slots = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'prism.queue_log'::regclass"
    before = await outsider.fetchval(slots)
    await store.backend._sweep()
    assert await outsider.fetchval(slots) == before - 1


async def test_state_does_not_pile_up(store: Store, outsider: asyncpg.Connection) -> None:
    """Each step leaves a row of a group's state, and the rows of before are removed."""
    await outsider.execute("ROLLBACK")
    await store.queue("CreateGroup", topic="t", group="g")
    await outsider.execute("UPDATE prism.queue_progress SET n = 230")
    for _ in range(15):
        await store.queue("Publish", topic="t")
        await acknowledge(store, *await receive(store))
    assert await outsider.fetchval("SELECT count(*) FROM prism.queue_progress") < 30
    counts = (await store.queue("DescribeGroup", topic="t", group="g")).counts
    assert (counts.offered, counts.acknowledged) == (15, 15)


async def test_schemas_are_apart(postgres_url: str, open_store: OpenStore) -> None:
    """Two schemas of one database share neither topics nor receipts."""
    one, two = await open_store(postgres_url, schema="one"), await open_store(postgres_url, schema="two")
    await one.queue("Publish", topic="t")
    with pytest.raises(TopicNotFound):
        await two.queue("DescribeTopic", topic="t")
    assert await one.backend.holds_data("ns")
    assert not await two.backend.holds_data("ns")


_READ = """
    SELECT sum(idx_tup_read) FILTER (WHERE relname LIKE 'queue_entry%')::bigint,
        sum(idx_scan) FILTER (WHERE relname LIKE 'queue_log%')::bigint
    FROM pg_stat_user_indexes WHERE schemaname = 'prism'
"""


async def test_an_open_transaction_makes_nothing_longer(
    store: Store, postgres_url: str, outsider: asyncpg.Connection
) -> None:
    """While a transaction of another session keeps each dead row, a message looks at no more entries than before."""
    await store.queue("CreateGroup", topic="t", group="g")
    connection = await asyncpg.connect(postgres_url)
    await outsider.execute("ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ")
    await outsider.fetch("SELECT count(*) FROM prism.queue_topic")
    messages = 400
    for _ in range(messages // 20):
        await asyncio.gather(*(store.queue("Publish", topic="t") for _ in range(20)))
        for message in await receive(store, 20):
            await acknowledge(store, message)
    async with asyncio.timeout(20):
        while True:  # a session's figures are seen a second later
            read, looked = await connection.fetchrow(_READ)
            if looked >= messages // 20:
                break
            await asyncio.sleep(0.1)
    assert read < 20 * messages
    await connection.close()


BLOCKED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.mark.parametrize("function", ["queue_partition", "pubsub_partition"])
async def test_two_who_miss_the_same_partition(postgres_url: str, outsider: asyncpg.Connection, function: str) -> None:
    """The second one waits for the first, and finds what it made."""
    call = f"SELECT prism.{function}(1::smallint, 4102444800000000)"
    second = await asyncpg.connect(postgres_url)
    try:
        await outsider.execute(call)
        waiting = asyncio.create_task(second.execute(call))
        async with asyncio.timeout(20):
            while not await outsider.fetchval(BLOCKED):  # noqa: ASYNC110  # a store's
                await asyncio.sleep(0.01)
        await outsider.execute("COMMIT")
        await waiting
    finally:
        await second.close()
