"""Rules 5, 6 and 7: attempts, nacks and the dead."""

from prism.acceptance.dsl import duration
from prism.acceptance.suites.queue.dsl import Queue, Since
from prism.errors import InvalidArgument
from prism.interfaces import queue as q

AT_ONCE = duration(0.0)


async def test_max_attempts_of_two_is_sent_exactly_twice(queue: Queue) -> None:
    """CONTRACT, Queue 5: max_attempts 2 means sent exactly twice, as attempt 1 and 2; then it is dead."""
    queue.needs("receive", "max_nack_delay")
    await queue.group(max_attempts=2)
    await queue.publish()
    attempts = []
    for _ in range(2):
        message = await queue.one()
        attempts.append(message.attempt)
        await queue.nack(message, delay=AT_ONCE, reason="no luck")
    assert attempts == [1, 2]
    await queue.nothing()
    (dead,) = await queue.dead()
    assert (dead.message.attempt, dead.reason) == (2, "no luck")
    assert (await queue.counts()).dead == 1


async def test_a_lost_lease_counts(queue: Queue) -> None:
    """CONTRACT, Queue 5: a lost lease counts as an attempt."""
    queue.needs("receive")
    await queue.group(max_attempts=1, ack_deadline=queue.short)
    await queue.publish()
    await queue.one()
    await queue.until(dead=1)


async def test_a_release_does_not_count(queue: Queue) -> None:
    """CONTRACT, Queue 5: `release` does not count."""
    queue.needs("receive")
    await queue.group(max_attempts=1)
    await queue.publish()
    for _ in range(3):
        message = await queue.one()
        assert message.attempt == 1
        assert await queue.settle("Release", message) == [""]
    await queue.ack(await queue.one())


async def test_a_nack_brings_it_back_after_its_delay(queue: Queue) -> None:
    """CONTRACT, Queue 6: a nack brings a message back after its delay, never before."""
    queue.needs("receive", "max_nack_delay")
    await queue.group()
    await queue.publish()
    message = await queue.one()
    since = Since()
    await queue.nack(message, delay=duration(queue.short))
    assert (await queue.counts()).delayed in (0, 1)
    assert (await queue.one()).attempt == 2
    assert since() >= queue.short


async def test_without_a_delay_the_backoff_counts(queue: Queue) -> None:
    """CONTRACT, Queue 6: without a delay a message comes again after the backoff, each twice the one before."""
    queue.needs("receive")
    backoff = q.Backoff(min=duration(queue.short), max=duration(2 * queue.short))
    await queue.group(backoff=backoff, max_attempts=0)
    await queue.publish()
    for least in (1, 2, 2):
        message = await queue.one()
        since = Since()
        await queue.nack(message)
        again = await queue.one()
        assert since() >= least * queue.short
        assert await queue.settle("Release", again) == [""]


async def test_a_delay_over_the_declared_is_refused(queue: Queue) -> None:
    """CONTRACT, Queue 6: a delay over max_nack_delay is INVALID_ARGUMENT."""
    queue.needs_calls()
    queue.needs("max_nack_delay")
    await queue.group()
    await queue.publish()
    message = await queue.one()
    over = duration(queue.capabilities.max_nack_delay + 1)
    nack = q.NackRequest(topic="t", group="g", receipts=[message.receipt], delay=over)
    await queue.refused(InvalidArgument, "Nack", nack)
    await queue.ack(message)


async def test_dead_of_one_group_alone(queue: Queue) -> None:
    """CONTRACT, Queue 7: dead is of that group alone; Redrive brings it to that group only, as attempt 1."""
    queue.needs("receive")
    await queue.group()
    await queue.group("other")
    message_id = await queue.publish(b"work")
    await queue.nack(await queue.one(), dead=True, reason="broken")
    await queue.ack(await queue.one("other"), group="other")
    (dead,) = await queue.dead()
    assert (dead.message.message_id, dead.message.payload, dead.reason) == (message_id, b"work", "broken")
    assert await queue.dead("other") == []
    answer = await queue.call("Redrive", q.RedriveRequest(topic="t", group="g", message_ids=[message_id]))
    assert answer.count == 1
    again = await queue.one()
    assert (again.message_id, again.attempt) == (message_id, 1)
    await queue.nothing("other")
    await queue.counts()


async def test_the_dead_are_discarded(queue: Queue) -> None:
    """CONTRACT, Queue 7: Discard removes the dead, which stay counted."""
    queue.needs("receive")
    await queue.group()
    for _ in range(3):
        await queue.publish()
        await queue.nack(await queue.one(), dead=True)
    answer = await queue.call("Discard", q.DiscardRequest(topic="t", group="g", limit=2))
    assert answer.count == 2
    counts = await queue.counts()
    assert (counts.dead, counts.dead_kept, len(await queue.dead())) == (3, 1, 1)
    await queue.refused(InvalidArgument, "Discard", q.DiscardRequest(topic="t", group="g"))


async def test_the_dead_go_to_a_topic(queue: Queue) -> None:
    """CONTRACT, Queue 7: with a topic as dead_letter a message goes there, with attributes prism-dead-*."""
    queue.needs("receive")
    letter = q.DeadLetter(mode=q.DeadLetterMode.QUEUE_DEAD_LETTER_MODE_TOPIC, topic="graveyard")
    await queue.group(dead_letter=letter, max_attempts=1)
    await queue.group(topic="graveyard")
    message_id = await queue.publish(b"work", attributes={"own": "1"})
    await queue.nack(await queue.one(), reason="broken")
    found = await queue.one(topic="graveyard")
    assert (found.message_id, found.payload, found.attempt) == (message_id, b"work", 1)
    noted = dict(found.attributes)
    assert (noted["own"], noted["prism-dead-topic"], noted["prism-dead-group"]) == ("1", "t", "g")
    assert (noted["prism-dead-reason"], noted["prism-dead-attempts"]) == ("broken", "1")
    assert (await queue.counts()).dead == 1
