"""Rule 16: acknowledging and publishing as one step."""

from prism.acceptance.callers.caller import BOTH_WAYS
from prism.acceptance.suites.queue.dsl import Queue, reason
from prism.errors import AlreadyExists, ReceiptLost
from prism.interfaces import queue as q


async def test_all_or_nothing(queue: Queue) -> None:
    """CONTRACT, Queue 16: all acknowledged and all published; one lost receipt: all NOT_APPLIED."""
    queue.needs("receive", "atomic_commit")
    await queue.group()
    await queue.group(topic="next")
    for _ in range(2):
        await queue.publish()
    one, two = await queue.receive(2)
    publishes = [q.PublishRequest(topic="next", payload=b"a"), q.PublishRequest(topic="next", payload=b"b")]
    assert await queue.settle("Release", two) == [""]
    lost = q.CommitRequest(topic="t", group="g", receipts=[one.receipt, two.receipt], publishes=publishes)
    await queue.refused(ReceiptLost, "Commit", lost, via=queue.stream_via)
    assert (await queue.counts()).acknowledged == 0
    await queue.nothing(topic="next")
    done = q.CommitRequest(topic="t", group="g", receipts=[one.receipt], publishes=publishes)
    assert len((await queue.call("Commit", done, via=queue.stream_via)).message_ids) == 2
    assert (await queue.counts()).acknowledged == 1
    assert [each.payload for each in await queue.receive(10, topic="next")] == [b"a", b"b"]


async def test_repeated_with_its_key(queue: Queue) -> None:
    """CONTRACT, Queue 16: repeated with its key it answers as before."""
    queue.needs("receive", "atomic_commit", "idempotency_window")
    await queue.group()
    await queue.publish()
    message = await queue.one()
    request = q.CommitRequest(
        topic="t", group="g", receipts=[message.receipt], publishes=[q.PublishRequest(topic="next")],
        idempotency_key="k",
    )  # fmt: skip
    first = await queue.call("Commit", request)
    assert list((await queue.call("Commit", request, via=1)).message_ids) == list(first.message_ids)
    request.publishes.add(topic="next")
    await queue.refused(AlreadyExists, "Commit", request)
    assert (await queue.call("DescribeTopic", q.DescribeTopicRequest(topic="next"))).messages == 1


async def test_a_batch_of_all_or_none(queue: Queue) -> None:
    """proto, PublishBatch: with `atomic` all are published or none."""
    queue.needs("atomic_publish", "idempotency_window")
    taken = q.PublishRequest(topic="t", payload=b"x", idempotency_key="k")
    await queue.call("Publish", taken)
    taken.payload = b"y"
    batch = q.PublishBatchRequest(messages=[q.PublishRequest(topic="t"), taken], atomic=True)
    await queue.refused(AlreadyExists, "PublishBatch", batch)
    assert (await queue.call("DescribeTopic", q.DescribeTopicRequest(topic="t"))).messages == 1


@BOTH_WAYS
async def test_a_stream_commits(queue: Queue) -> None:
    """CONTRACT, Queue 16: `committed` has the commit's id, and its error where nothing was done."""
    queue.needs("atomic_commit")
    await queue.publish()
    async with queue.consuming() as stream:
        message = await stream.message()
        commit = q.Commit(id="c1", receipts=[message.receipt], publishes=[q.PublishRequest(topic="next")])
        stream.ask(commit=commit)
        committed = (await stream.next()).committed
        assert (committed.id, len(committed.message_ids), committed.HasField("error")) == ("c1", 1, False)
        stream.ask(commit=commit)
        again = (await stream.next()).committed
        assert (again.id, list(again.message_ids), reason(again.error)) == ("c1", [], "RECEIPT_LOST")


async def test_a_key_that_is_used_twice_in_a_batch(queue: Queue) -> None:
    """CONTRACT, Queue 14: of all or none, a key for two different messages is ALREADY_EXISTS, and none is published."""
    queue.needs("atomic_publish", "idempotency_window")
    messages = [q.PublishRequest(topic="t", payload=payload, idempotency_key="k") for payload in (b"x", b"y")]
    await queue.publish(topic="t")
    await queue.refused(AlreadyExists, "PublishBatch", q.PublishBatchRequest(messages=messages, atomic=True))
    assert (await queue.call("DescribeTopic", q.DescribeTopicRequest(topic="t"))).messages == 1
    messages[1].payload = b"x"
    answer = await queue.call("PublishBatch", q.PublishBatchRequest(messages=messages, atomic=True))
    assert [each.duplicate for each in answer.results] == [False, True]
    assert (await queue.call("DescribeTopic", q.DescribeTopicRequest(topic="t"))).messages == 2
