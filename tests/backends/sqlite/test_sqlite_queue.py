"""Queue on SQLite: what lasts, and how one process learns what another has done to the file."""

import asyncio

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.testing import TemporaryStore
from prism.context import Context
from prism.interfaces import queue as q
from prism.sdk.queue import StoredQueue

HERE = Context("ns")


def queue(backend: SqliteBackend) -> StoredQueue:
    return next(each for each in backend.interfaces if isinstance(each, StoredQueue))


def receive(wait: int = 0) -> q.ReceiveRequest:
    return q.ReceiveRequest(topic="t", group="g", wait={"seconds": wait})


async def test_what_waits_is_woken_by_another_connection(database: TemporaryStore) -> None:
    """What another backend, or another process, publishes into the file is received at once."""
    one, other = await database.backend(), await database.backend()
    waiting = asyncio.create_task(queue(one).receive(receive(wait=10), HERE))
    await asyncio.sleep(0.05)
    await queue(other).publish(q.PublishRequest(topic="t", payload=b"work"), HERE)
    async with asyncio.timeout(5):
        (message,) = (await waiting).messages
    assert message.payload == b"work"


async def test_queues_outlive_their_process(database: TemporaryStore) -> None:
    """Messages, leases, receipts and acknowledgements are in the file."""
    before = await database.backend()
    for name in (b"one", b"two", b"three"):
        await queue(before).publish(q.PublishRequest(topic="t", payload=name), HERE)
    (acknowledged,) = (await queue(before).receive(receive(), HERE)).messages
    (leased,) = (await queue(before).receive(receive(), HERE)).messages
    acknowledge = q.AcknowledgeRequest(topic="t", group="g", receipts=[acknowledged.receipt])
    await queue(before).acknowledge(acknowledge, HERE)
    await before.stop()
    after = await database.backend()
    assert await after.holds_data("ns")
    assert not await after.holds_data("other")
    (message,) = (await queue(after).receive(receive(), HERE)).messages
    assert message.payload == b"three"
    for receipt in (acknowledged.receipt, leased.receipt):
        settled = await queue(after).acknowledge(q.AcknowledgeRequest(topic="t", group="g", receipts=[receipt]), HERE)
        assert not settled.results[0].HasField("error")


async def test_a_refused_write_leaves_nothing(database: TemporaryStore) -> None:
    """A refusal within a transaction takes back what it had done: others in the same group commit keep theirs."""
    backend = await database.backend()
    taken = q.PublishRequest(topic="t", payload=b"x", idempotency_key="k")
    await queue(backend).publish(taken, HERE)
    other = q.PublishRequest(topic="new", payload=b"y", idempotency_key="k")
    refused, done = await asyncio.gather(
        queue(backend).publish(other, HERE),
        queue(backend).publish(q.PublishRequest(topic="t"), HERE),
        return_exceptions=True,
    )
    assert "idempotency_key" in str(refused)
    assert isinstance(done, q.PublishResponse)
    listed = await queue(backend).list_topics(q.ListTopicsRequest(), HERE)
    assert list(listed.topics) == ["t"]
