"""Cache's writes travel together: how many statements they become, and that each keeps its own answer and outcome."""

import asyncio
import random

import asyncpg
import pytest

from prism.backends.postgres.testing import RunningServer
from prism.errors import BackendUnavailable, Conflict, DeadlineExceeded, FailedPrecondition, Outcome, PrismError
from prism.interfaces.cache import SetMode

from .locking import waiting
from .store import OpenStore, Store
from .test_batches import executions

ABSENT = SetMode.CACHE_SET_MODE_IF_ABSENT
PRESENT = SetMode.CACHE_SET_MODE_IF_PRESENT


async def lock(outsider: asyncpg.Connection, key: bytes) -> None:
    """Locks one entry until the outsider's transaction ends."""
    await outsider.execute("SELECT FROM prism.cache WHERE key = $1 FOR UPDATE", key)


async def test_writes_of_many_callers_are_few_statements(store: Store):
    """300 concurrent writes of each kind, across namespaces, are but a handful of executions in the server."""
    keys = [(f"ns{n % 3}", b"%d" % n) for n in range(300)]
    for method, fields, statement in [
        ("Set", {"value": b"1"}, "SELECT namespace, key, value, clock_timestamp()"),
        ("Increment", {"delta": 2}, "convert_to(delta"),
        ("Expire", {"ttl": {"seconds": 100}}, "SET expires_at ="),
    ]:
        await asyncio.gather(*(store.cache(method, namespace=ns, key=key, **fields) for ns, key in keys))
        assert 1 <= sum(generic for generic, _ in await executions(store, statement)) <= 6, method
    values = await asyncio.gather(*(store.cache("Get", namespace=ns, key=key) for ns, key in keys))
    assert {each.value for each in values} == {b"3"}
    deleted = await asyncio.gather(*(store.cache("Delete", namespace=ns, keys=[key]) for ns, key in keys))
    assert [each.count for each in deleted] == [1] * 300
    assert 1 <= sum(generic for generic, _ in await executions(store, "DELETE FROM")) <= 6


async def test_every_call_of_a_mixed_batch_has_its_own_answer(store: Store):
    """Sets of every mode, deletes, expiries, counters and puts at once: no answer is another's."""
    for key in (b"there", b"live", b"a", b"b", b"counter"):
        await store.cache("Set", key=key, value=b"5")
    await store.cache("Set", key=b"text", value=b"no number")
    answers = await asyncio.gather(
        store.cache("Set", key=b"new", value=b"1"),
        store.cache("Set", key=b"absent", value=b"1", mode=ABSENT),
        store.cache("Set", key=b"there", value=b"1", mode=ABSENT),
        store.cache("Set", key=b"there", value=b"1", mode=ABSENT, namespace="other"),
        store.cache("Set", key=b"missing", value=b"1", mode=PRESENT),
        store.cache("Set", key=b"live", value=b"6", mode=PRESENT, ttl={"seconds": 100}),
        store.cache("Delete", keys=[b"a", b"none", b"b", b"a"]),
        store.cache("Delete", keys=[b"nothing"]),
        store.cache("Expire", key=b"never", ttl={"seconds": 100}),
        store.cache("Increment", key=b"counter", delta=-7),
        store.cache("Increment", key=b"text", delta=1),
        store.cache("Increment", key=b"counter", delta=9, ttl={"seconds": 100}, namespace="other"),
        store.put("r", {b"k": b"v"}),
        return_exceptions=True,
    )
    assert [each.stored for each in answers[:6]] == [True, True, False, True, False, True]
    assert [each.count for each in answers[6:8]] == [2, 0]
    assert not answers[8].existed
    assert [answers[9].value, answers[11].value] == [-2, 9]
    assert isinstance(answers[10], FailedPrecondition)
    assert answers[10].outcome is Outcome.NOT_APPLIED
    assert len(answers[12]) == 1
    entries = (
        await store.cache("MGet", keys=[b"new", b"absent", b"there", b"live", b"a", b"counter", b"text"])
    ).entries
    assert {each.key: each.value for each in entries} == {
        b"new": b"1", b"absent": b"1", b"there": b"5", b"live": b"6", b"counter": b"-2", b"text": b"no number"
    }  # fmt: skip
    assert (await store.cache("Ttl", key=b"live")).HasField("ttl")
    assert not (await store.cache("Ttl", key=b"new")).HasField("ttl")


async def test_writes_of_one_key_are_few_statements(store: Store):
    """200 callers on one key: counted one by one, up and down, stored once where absent, and written once a batch."""
    counted = await asyncio.gather(*(store.cache("Increment", key=b"n", delta=3) for _ in range(200)))
    assert sorted(each.value for each in counted) == list(range(3, 603, 3))
    falling = await asyncio.gather(*(store.cache("Increment", key=b"n", delta=-3) for _ in range(200)))
    assert sorted(each.value for each in falling) == list(range(0, 600, 3))
    assert 1 <= sum(generic for generic, _ in await executions(store, "convert_to(delta")) <= 6
    absent = await asyncio.gather(*(store.cache("Set", key=b"k", value=b"%d" % n, mode=ABSENT) for n in range(200)))
    assert [each.stored for each in absent].count(True) == 1
    assert (await store.cache("Get", key=b"k")).value == b"%d" % [each.stored for each in absent].index(True)
    present = await asyncio.gather(*(store.cache("Set", key=b"k", value=b"%d" % n, mode=PRESENT) for n in range(200)))
    assert all(each.stored for each in present)
    expired = await asyncio.gather(*(store.cache("Expire", key=b"k", ttl={"seconds": 100}) for _ in range(200)))
    assert all(each.existed for each in expired)
    await asyncio.gather(*(store.cache("Set", key=b"k", value=b"%d" % n) for n in range(200)))
    assert not (await store.cache("Ttl", key=b"k")).HasField("ttl")
    deleted = await asyncio.gather(*(store.cache("Delete", keys=[b"k", b"n"]) for _ in range(200)))
    assert sorted(each.count for each in deleted) == [0] * 199 + [2]
    assert 1 <= sum(generic for generic, _ in await executions(store, "INSERT INTO")) <= 16


async def test_a_counter_of_many_callers_is_refused_to_those_it_is_too_large_for(store: Store):
    """Where the sum leaves the range, each is counted or refused by itself; only the first brings a time to live."""
    largest = (1 << 63) - 1
    await store.cache("Set", key=b"full", value=b"%d" % (largest - 25))
    await store.cache("Set", key=b"text", value=b"x")
    counts = [store.cache("Increment", key=b"full", delta=10) for _ in range(4)]
    counts += [store.cache("Increment", key=b"text", delta=1) for _ in range(3)]
    counts += [store.cache("Increment", key=b"huge", delta=largest) for _ in range(2)]
    counts += [store.cache("Increment", key=b"down", delta=-largest) for _ in range(2)]
    counts += [store.cache("Increment", key=b"timed", delta=1, ttl={"seconds": 60 + n}) for n in range(3)]
    counts += [store.cache("Increment", key=b"forever", delta=1, ttl=ttl) for ttl in (None, {"seconds": 60})]
    answers = await asyncio.gather(*counts, return_exceptions=True)
    values = [None if isinstance(each, FailedPrecondition) else each.value for each in answers]
    assert values[:4] == [largest - 15, largest - 5, None, None]
    assert values[4:7] == [None] * 3
    assert values[7:11] == [largest, None, -largest, None]
    assert values[11:] == [1, 2, 3, 1, 2]
    assert (await store.cache("Ttl", key=b"timed")).ttl.seconds in (59, 60)
    assert not (await store.cache("Ttl", key=b"forever")).HasField("ttl")


async def test_a_lock_held_too_long_fails_its_own_write_only(
    postgres_url: str, open_store: OpenStore, outsider: asyncpg.Connection
):
    """Of a batch, the write of the locked entry is a conflict and not applied; the others are acknowledged."""
    store = await open_store(postgres_url, lock_timeout=0.2)
    await store.cache("Set", key=b"locked", value=b"1")
    await lock(outsider, b"locked")
    writes = [store.cache("Increment", key=b"locked" if n == 5 else b"%d" % n, delta=1) for n in range(10)]
    writes += [store.cache("Set", key=b"s%d" % n, value=b"1") for n in range(10)]
    writes += [store.cache("Delete", keys=[b"d%d" % n]) for n in range(10)]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    failed = answers.pop(5)
    assert isinstance(failed, Conflict)
    assert failed.outcome is Outcome.NOT_APPLIED
    assert not [each for each in answers if isinstance(each, Exception)]
    assert (await store.cache("Get", key=b"locked")).value == b"1"
    assert (await store.cache("Get", key=b"9")).value == b"1"


async def test_what_ends_amid_a_kind_leaves_the_outcome_of_that_kind_open(
    store: Store, outsider: asyncpg.Connection, postgres_server: RunningServer
):
    """The session ends while counters wait for a lock: they hear UNKNOWN, the sets before are acknowledged."""
    await store.cache("Set", key=b"locked", value=b"1")
    await lock(outsider, b"locked")
    sets = [asyncio.create_task(store.cache("Set", key=b"s%d" % n, value=b"1")) for n in range(3)]
    keys = (b"locked", b"free")
    counters = [asyncio.create_task(store.cache("Increment", key=key, delta=1)) for key in keys]
    await waiting(outsider, 1)
    await outsider.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prism' "
        "AND wait_event_type = 'Lock' AND datname = current_database()"
    )
    for counter in counters:
        with pytest.raises(PrismError) as caught:
            await counter
        assert (type(caught.value), caught.value.outcome) == (BackendUnavailable, Outcome.UNKNOWN)
    assert [(await each).stored for each in sets] == [True] * 3


async def test_a_write_that_was_not_sent_says_so_at_its_deadline(store: Store, outsider: asyncpg.Connection):
    """Behind batches that wait for a lock: what is under way ends UNKNOWN, what waits NOT_APPLIED, and is not done."""
    await store.cache("Set", key=b"locked", value=b"1")
    await lock(outsider, b"locked")
    stuck = [asyncio.create_task(store.cache("Increment", key=b"locked", delta=1))]
    await waiting(outsider, 1)
    stuck.append(asyncio.create_task(store.cache("Increment", key=b"locked", delta=1)))
    await waiting(outsider, 2)
    with pytest.raises(DeadlineExceeded) as waited:
        await store.cache("Set", key=b"other", value=b"1", timeout=0.1)
    assert waited.value.outcome is Outcome.NOT_APPLIED
    await outsider.execute("ROLLBACK")
    assert sorted([(await each).value for each in stuck]) == [2, 3]
    await outsider.execute("BEGIN")
    await lock(outsider, b"locked")
    with pytest.raises(DeadlineExceeded) as sent:
        await store.cache("Increment", key=b"locked", delta=1, timeout=0.1)
    assert sent.value.outcome is Outcome.UNKNOWN
    await outsider.execute("ROLLBACK")
    assert not (await store.cache("Get", key=b"other")).HasField("value")


async def test_overlapping_batches_of_several_gateways_do_not_deadlock(open_store: OpenStore, postgres_url: str):
    """Writes of every kind on the same entries in every order, each key a row of other batches: none fails."""
    stores = [await open_store(postgres_url) for _ in range(3)]
    keys = [b"%d" % n for n in range(8)]
    shuffler = random.Random(7)

    async def work(store: Store, n: int) -> int:
        key = shuffler.choice(keys)
        match n % 5:
            case 0:
                await store.cache("Delete", keys=shuffler.sample(keys, 4))
            case 1:
                await store.cache("Expire", key=key, ttl={"seconds": 100})
            case 2:
                await store.cache("Set", key=key, value=b"1", mode=PRESENT)
            case 3:
                await store.cache("Set", key=key, value=b"1", mode=shuffler.choice([ABSENT, 0]))
            case _:
                await store.cache("Increment", key=b"counted", delta=1)
                return 1
        return 0

    counted = sum(await asyncio.gather(*(work(store, n) for n in range(200) for store in stores)))
    assert (await stores[0].cache("Get", key=b"counted")).value == b"%d" % counted
