"""What queues tell of themselves: counted beside the calls, and bounded."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from prism.backends.memory.testing import TemporaryStore
from prism.context import Context
from prism.interfaces import queue as q
from prism.sdk import labelled
from prism.sdk.queue import queue_metrics
from prism.sdk.queue.queue_metrics import MAX_GROUPS, QueueMetrics
from prism.sdk.queue.stored_queue import StoredQueue
from prism.telemetry.metrics.call_metrics import OTHER

HERE = Context("default")


@pytest.fixture
async def queue() -> AsyncIterator[StoredQueue]:
    """On memory."""
    store = TemporaryStore()
    await store.start()
    try:
        backend = await store.backend()
        (found,) = [each for each in backend.interfaces if isinstance(each, StoredQueue)]
        yield found
    finally:
        await store.stop()


async def counted(queue: StoredQueue, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The metrics of a scrape whose count has ended."""
    monkeypatch.setattr(queue_metrics, "INTERVAL", 0.0)
    monkeypatch.setattr(queue_metrics, "SHARE", 0)
    queue.metrics()
    async with asyncio.timeout(10):
        task = queue._metrics._counting
        if task is not None:
            await task
    return dict(queue._metrics.metrics())


async def test_states_and_deliveries_of_a_group(queue: StoredQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """By namespace, topic and group; attempts that were made."""
    assert queue.metrics() == {}
    for _ in range(3):
        await queue.publish(q.PublishRequest(topic="t"), HERE)
    (message,) = (await queue.receive(q.ReceiveRequest(topic="t", group="g"), HERE)).messages
    await queue.release(q.ReleaseRequest(topic="t", group="g", receipts=[message.receipt]), HERE)
    await queue.receive(q.ReceiveRequest(topic="t", group="g"), HERE)
    found = await counted(queue, monkeypatch)
    by = {"namespace": "default", "topic": "t", "group": "g"}
    assert found.pop(labelled("queue_oldest_age_seconds", by)) >= 0
    assert found == {
        labelled("queue_waiting", by): 2,
        labelled("queue_delayed", by): 0,
        labelled("queue_in_flight", by): 1,
        labelled("queue_dead", by): 0,
        labelled("queue_deliveries_total", by | {"attempt": "1"}): 2,
    }


async def test_there_are_not_more_than_so_many_groups(queue: StoredQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of states nor of deliveries: what is beyond is left out, or counted together."""
    for number in range(MAX_GROUPS + 2):
        await queue.receive(q.ReceiveRequest(topic="t", group=f"g{number:03}"), HERE)
    found = await counted(queue, monkeypatch)
    assert sum(name.startswith("queue_waiting") for name in found) == MAX_GROUPS
    metrics = QueueMetrics(queue._store)
    for number in range(MAX_GROUPS + 2):
        metrics.deliveries("default", "t", f"g{number}")[7] += 1
    shown = metrics.metrics()
    by = {"namespace": OTHER, "topic": OTHER, "group": OTHER, "attempt": "more"}
    assert len(shown) == MAX_GROUPS + 1
    assert shown[labelled("queue_deliveries_total", by)] == 2


async def test_a_scrape_does_not_count_again_at_once(queue: StoredQueue) -> None:
    """What was counted is shown until it is old; a scrape never waits for the store."""
    await queue.publish(q.PublishRequest(topic="t"), HERE)
    await queue.receive(q.ReceiveRequest(topic="u", group="g"), HERE)
    queue.metrics()
    first = queue._metrics._counting
    assert first is not None
    await first
    queue.metrics()
    assert queue._metrics._counting is first
