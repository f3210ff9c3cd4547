"""The memory backend beyond the contract that all backends are held to: whose data it is, and what is swept."""

from collections.abc import AsyncIterator

import pytest
from google.protobuf.duration_pb2 import Duration

from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.config import MemoryConfig
from prism.backends.memory.keyvalue import MemoryKeyValue
from prism.backends.memory.store import ALL, Store
from prism.backends.memory.testing import TemporaryStore
from prism.interfaces.keyvalue import Context, GetRequest, ListRecordsRequest, PutItem, PutRequest, ScanStreamRequest
from prism.sdk import NoCredentials

HERE = Context("here")
MICROSECOND = Duration(nanos=1000)


@pytest.fixture
async def store() -> AsyncIterator[TemporaryStore]:
    store = TemporaryStore()
    await store.start()
    yield store
    await store.stop()


def keyvalue(backend: MemoryBackend) -> MemoryKeyValue:
    (served,) = [each for each in backend.interfaces if isinstance(each, MemoryKeyValue)]
    return served


def put(id_: str, key: bytes, ttl: Duration | None = None) -> PutRequest:
    return PutRequest(id=id_, items=[PutItem(key=key, value=b"v", ttl=ttl)])


async def test_instances_of_equal_identity_share_data(store: TemporaryStore) -> None:
    """What one instance stored is read through another of the same identity."""
    old, new = await store.backend(), await store.backend()
    assert old.identity == new.identity
    await keyvalue(old).put(put("r", b"k"), HERE)
    assert len((await keyvalue(new).get(GetRequest(id="r", keys=[b"k"]), HERE)).items) == 1


async def test_data_survives_a_reload(store: TemporaryStore) -> None:
    """A new instance that starts before the old one stops takes the data over."""
    old = await store.backend()
    await keyvalue(old).put(put("r", b"k"), HERE)
    new = await store.backend()
    await old.stop()
    assert await new.holds_data("here")


async def test_data_goes_with_its_last_instance(store: TemporaryStore) -> None:
    """An instance that starts after the last one stopped finds nothing, though the old objects still exist."""
    old = await store.backend()
    await keyvalue(old).put(put("r", b"k"), HERE)
    await old.stop()
    new = await store.backend()
    assert not await new.holds_data("here")


async def test_other_stores_hold_other_data(store: TemporaryStore) -> None:
    """Instances that name different stores share nothing."""
    one = await store.backend()
    other = MemoryBackend(MemoryConfig(store="other"), NoCredentials())
    await keyvalue(one).put(put("r", b"k"), HERE)
    assert not await other.holds_data("here")
    assert one.identity != other.identity


async def test_stop_before_start_and_twice(store: TemporaryStore) -> None:
    """Stopping what never started, or stopped already, takes nobody's data away."""
    living = await store.backend()
    await keyvalue(living).put(put("r", b"k"), HERE)
    idle = MemoryBackend(MemoryConfig.model_validate(store.config), NoCredentials())
    await idle.stop()
    await idle.stop()
    assert await living.holds_data("here")


async def test_sweeping_frees_expired_items(store: TemporaryStore) -> None:
    """A sweep removes what has expired, a batch at a time, and leaves what has not."""
    backend = await store.backend()
    served, data = keyvalue(backend), Store.named(store.config["store"])
    for key in (b"a", b"b", b"c"):
        await served.put(put("r", key, MICROSECOND), HERE)
    await served.put(put("r", b"kept"), HERE)
    await served.put(put("gone", b"k", MICROSECOND), HERE)
    wait_past(data)
    assert data.sweep(2)
    assert data.sweep(2)
    assert not data.sweep(2)
    assert [list(record) for _, record in data.namespace("here").records.select(ALL)] == [[b"kept"]]


async def test_overwritten_expiry_is_forgotten(store: TemporaryStore) -> None:
    """An item written again without a time to live is not swept for the one it had."""
    backend = await store.backend()
    served, data = keyvalue(backend), Store.named(store.config["store"])
    await served.put(put("r", b"k", MICROSECOND), HERE)
    await served.put(put("r", b"k"), HERE)
    wait_past(data)
    assert not data.sweep(10)
    assert (await served.list_records(ListRecordsRequest(), HERE)).ids == ["r"]


async def test_versions_never_fall_behind_the_clock(store: TemporaryStore) -> None:
    """A version is not below the clock, so a later process, whose data is new, gives none again."""
    data = Store.named(store.config["store"])
    before = data.now()
    first, second = data.next_version(), data.next_version()
    assert before <= first < second


async def test_stream_of_a_namespace_in_reverse_resumes(store: TemporaryStore) -> None:
    """A reversed stream over all records, resumed after each item, gives every item once."""
    served = keyvalue(await store.backend())
    for id_, key in (("a", b"1"), ("a", b"2"), ("b", b"1"), ("b", b"2")):
        await served.put(put(id_, key), HERE)
    seen, cursor = [], b""
    while True:
        request = ScanStreamRequest(reverse=True, limit=1, cursor=cursor)
        answers = [answer async for answer in served.scan_stream(request, HERE)]
        if not answers:
            break
        seen += [(answer.id, answer.items[0].key) for answer in answers]
        cursor = answers[-1].cursor
    assert seen == [("b", b"2"), ("b", b"1"), ("a", b"2"), ("a", b"1")]


def wait_past(data: Store) -> None:
    """Until a microsecond has passed by the store's clock."""
    begin = data.now()
    while data.now() <= begin + 1:
        pass
