"""Rule 8: messages of a key come in order, one at a time."""

from prism.acceptance.dsl import duration
from prism.acceptance.skips import not_declared
from prism.acceptance.suites.queue.dsl import Queue, reason
from prism.errors import InvalidArgument
from prism.interfaces import queue as q


def needs_keys(queue: Queue) -> None:
    queue.needs("receive")
    if queue.capabilities.ordering != "key":
        not_declared("ordering: key")


async def test_a_key_is_in_order_and_no_other_key_waits(queue: Queue) -> None:
    """CONTRACT, Queue 8: of one ordering_key the next comes when the one before is done, also through nacks."""
    needs_keys(queue)
    await queue.group()
    for name in ("a1", "a2", "b1", "a3"):
        await queue.publish(name.encode(), ordering_key=name[0])
    first = await queue.receive(10)
    assert [each.payload for each in first] == [b"a1", b"b1"]
    await queue.nack(first[0], delay=duration(0.0))
    (again,) = await queue.receive(10)
    assert (again.payload, again.attempt) == (b"a1", 2)
    await queue.ack(again)
    (second,) = await queue.receive(10)
    assert second.payload == b"a2"
    await queue.nack(second, dead=True)
    (third,) = await queue.receive(10)
    assert third.payload == b"a3"


async def test_a_key_with_a_delay_is_refused(queue: Queue) -> None:
    """CONTRACT, Queue 8: a key with a delay is INVALID_ARGUMENT."""
    queue.needs("ordering", "delay")
    request = q.PublishRequest(topic="t", ordering_key="k", delay=duration(1.0))
    await queue.refused(InvalidArgument, "Publish", request)


async def test_after_a_failure_in_a_batch_the_later_of_its_key_fail(queue: Queue) -> None:
    """CONTRACT, Queue 8: in a batch, after a failure the later ones of its key fail NOT_APPLIED."""
    needs_keys(queue)
    await queue.group()
    messages = [
        q.PublishRequest(topic="t", ordering_key="k", payload=b"1"),
        q.PublishRequest(topic="t", ordering_key="k", attributes={"a": "x" * 2000}),
        q.PublishRequest(topic="t", ordering_key="k", payload=b"3"),
        q.PublishRequest(topic="t", ordering_key="other", payload=b"4"),
        q.PublishRequest(topic="t", payload=b"5"),
    ]
    answer = await queue.call("PublishBatch", q.PublishBatchRequest(messages=messages))
    assert [reason(each.error) for each in answer.results] == ["", "INVALID_ARGUMENT", "INVALID_ARGUMENT", "", ""]
    assert sorted(each.payload for each in await queue.receive(10)) == [b"1", b"4", b"5"]
