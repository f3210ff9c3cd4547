"""Rules 17 and 18: Seek and Purge, and counts that add up."""

from prism.acceptance.callers.caller import BOTH_WAYS
from prism.acceptance.skips import not_declared
from prism.acceptance.suites.queue.dsl import Queue
from prism.interfaces import queue as q

EARLIEST = q.Start(earliest={})
LATEST = q.Start(latest={})


async def test_seek_forgets_and_the_dead_stay(queue: Queue) -> None:
    """CONTRACT, Queue 17: Seek revokes what is in flight, forgets acknowledgements and attempts; the dead stay."""
    queue.needs("receive")
    await queue.group()
    ids = [await queue.publish(name) for name in (b"acked", b"dead", b"flying")]
    acked, dead, flying = await queue.receive(3)
    await queue.ack(acked)
    await queue.nack(dead, dead=True)
    before = await queue.seek(EARLIEST)
    assert before == 2 or queue.capabilities.counts == "estimate"
    assert await queue.settle("Acknowledge", flying) == ["RECEIPT_LOST"]
    found = await queue.receive(10)
    assert [(each.message_id, each.attempt) for each in found] == [(ids[0], 1), (ids[2], 1)]
    assert [each.message.message_id for each in await queue.dead()] == [ids[1]]
    await queue.seek(LATEST)
    await queue.nothing()
    assert (await queue.counts()).dead == 1


async def test_purge_removes_all_but_the_dead(queue: Queue) -> None:
    """CONTRACT, Queue 17: Purge leaves nothing to be delivered, to any group; the dead stay."""
    queue.needs("receive")
    await queue.group()
    for _ in range(3):
        await queue.publish(b"work")
    first = await queue.one()
    await queue.nack(first, dead=True)
    answer = await queue.call("PurgeTopic", q.PurgeTopicRequest(topic="t"))
    assert answer.count == 3 or (answer.count > 3 and queue.capabilities.counts == "estimate")
    await queue.nothing()
    (dead,) = await queue.dead()
    assert dead.message.payload == b"work"
    await queue.group("later")
    await queue.nothing("later")
    counts = await queue.counts()
    assert (counts.offered, counts.dead) == (1, 1)
    await queue.call("Redrive", q.RedriveRequest(topic="t", group="g", limit=10))
    assert (await queue.one()).message_id == first.message_id


@BOTH_WAYS
async def test_a_stream_learns_of_a_seek(queue: Queue) -> None:
    """CONTRACT, Queue 17: Seek revokes what is in flight: a stream is told so, and gets the messages again."""
    if queue.capabilities.seek != "live":
        not_declared("seek: live")
    await queue.publish()
    async with queue.consuming() as stream:
        message = await stream.message()
        await queue.call("Seek", q.SeekRequest(topic="t", group="g", to=EARLIEST), via=1)
        found = {}
        for _ in range(2):
            response = await stream.next()
            found[response.WhichOneof("response")] = response
        assert list(found["revoked"].revoked.receipts) == [message.receipt]
        assert found["message"].message.attempt == 1


async def test_counts_add_up(queue: Queue) -> None:
    """CONTRACT, Queue 18: offered = waiting + delayed + in flight + acknowledged + dead + expired."""
    queue.needs("receive")
    if queue.capabilities.counts != "exact":
        not_declared("counts: exact")
    await queue.group()
    for number in range(6):
        await queue.publish(b"%d" % number)
    acked, dead, delayed, _flying = await queue.receive(4)
    await queue.ack(acked)
    await queue.nack(dead, dead=True)
    await queue.nack(delayed)
    counts = await queue.counts()
    assert (counts.offered, counts.acknowledged, counts.dead, counts.in_flight, counts.waiting, counts.delayed) == (
        6, 1, 1, 1, 2, 1,
    )  # fmt: skip
    answer = await queue.call("DescribeGroup", q.DescribeGroupRequest(topic="t", group="g"))
    assert answer.lag[0].messages == 4
    assert sum(each.in_flight for each in answer.consumers) == 1
    assert answer.HasField("oldest_age")
