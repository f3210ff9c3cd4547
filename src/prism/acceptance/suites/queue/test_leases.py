"""Rules 1, 2 and 3: leases, acknowledgements, and receipts that are lost."""

import asyncio

import pytest

from prism.acceptance.callers.caller import BOTH_WAYS
from prism.acceptance.suites.queue.dsl import Queue, Since, reason
from prism.interfaces import queue as q


async def test_a_lease_lasts_for_the_ack_deadline(queue: Queue) -> None:
    """CONTRACT, Queue 1: until its deadline no other of the group gets a message; then it comes again."""
    queue.needs("receive")
    await queue.group(ack_deadline=queue.short)
    await queue.publish(b"work")
    since = Since()
    first = await queue.one()
    again = await queue.one(via=1)
    assert since() >= queue.short
    assert (first.attempt, again.attempt, again.message_id) == (1, 2, first.message_id)


async def test_extending_gives_a_whole_lease_more(queue: Queue) -> None:
    """CONTRACT, Queue 1: `extend` gives a whole ack_deadline from then on."""
    queue.needs("receive")
    await queue.group(ack_deadline=4 * queue.short)
    await queue.publish(b"work")
    first = await queue.one()
    await asyncio.sleep(2 * queue.short)
    since = Since()
    assert await queue.settle("Extend", first, via=1) == [""]
    await queue.one()
    assert since() >= 4 * queue.short


async def test_extending_ends_at_max_lease(queue: Queue) -> None:
    """CONTRACT, Queue 1: a lease is at most max_lease in all."""
    queue.needs("receive")
    await queue.group(ack_deadline=2 * queue.short, max_lease=3 * queue.short)
    await queue.publish(b"work")
    first = await queue.one()
    since = Since()
    while await queue.settle("Extend", first) == [""]:
        assert since() < 60 * queue.short
        await asyncio.sleep(queue.short / 4)
    assert (await queue.one()).attempt == 2


async def test_acknowledged_is_for_ever(queue: Queue) -> None:
    """CONTRACT, Queue 2: an acknowledged message never comes again to that group, in any order of acks."""
    queue.needs("receive")
    await queue.group(ack_deadline=queue.short)
    for number in range(5):
        await queue.publish(b"%d" % number)
    found: list[q.Message] = []
    while len(found) < 5:
        found += await queue.receive(5)
    newest = {each.message_id: each for each in found}
    for each in reversed(list(newest.values())):
        if await queue.settle("Acknowledge", each, via=1) != [""]:
            (newest[each.message_id],) = await queue.receive()
            await queue.ack(newest[each.message_id])
    await queue.nothing(wait=2 * queue.short)
    assert (await queue.counts()).acknowledged == 5


async def test_acknowledging_twice_succeeds(queue: Queue) -> None:
    """CONTRACT, Queue 2: acknowledging twice succeeds; nothing else of it does."""
    queue.needs("receive")
    await queue.group()
    await queue.publish()
    message = await queue.one()
    await queue.ack(message)
    await queue.ack(message, via=1)
    for method in ("Nack", "Release", "Extend"):
        assert await queue.settle(method, message) == ["RECEIPT_LOST"]
    await queue.nothing()


async def test_a_lost_receipt_changes_nothing(queue: Queue) -> None:
    """CONTRACT, Queue 3: after the deadline its receipt answers RECEIPT_LOST and changes nothing."""
    queue.needs("receive", "fencing")
    await queue.group(ack_deadline=queue.short)
    await queue.publish()
    first = await queue.one()
    again = await queue.one()
    await queue.call("UpdateGroup", q.UpdateGroupRequest(topic="t", group="g", config=q.GroupConfig(paused=True)))
    for method in ("Acknowledge", "Nack", "Release", "Extend"):
        assert await queue.settle(method, first) == ["RECEIPT_LOST"]
    assert again.attempt == 2
    assert (await queue.counts()).acknowledged == 0


async def test_a_stale_nack_is_not_obeyed(queue: Queue) -> None:
    """CONTRACT, Queue 3: a nack with a receipt that is lost does not end the lease of another."""
    queue.needs("receive", "fencing")
    await queue.group()
    await queue.publish()
    first = await queue.one()
    assert await queue.settle("Release", first) == [""]
    second = await queue.one()
    assert await queue.settle("Nack", first, dead=True) == ["RECEIPT_LOST"]
    await queue.ack(second)
    assert (await queue.counts()).dead == 0


async def test_a_forged_receipt_is_refused(queue: Queue) -> None:
    """CONTRACT, Queue 3: a forged receipt, and one of another group, is INVALID_ARGUMENT."""
    queue.needs("receive")
    await queue.group()
    await queue.group("other")
    await queue.publish()
    message = await queue.one()
    assert await queue.settle("Acknowledge", message, group="other") == ["INVALID_ARGUMENT"]
    forged = q.Message(receipt=("B" if message.receipt[0] == "A" else "A") + message.receipt[1:])
    assert await queue.settle("Acknowledge", forged, message, q.Message(receipt="x")) == [
        "INVALID_ARGUMENT", "", "INVALID_ARGUMENT",
    ]  # fmt: skip


@BOTH_WAYS
async def test_a_stream_settles(queue: Queue) -> None:
    """CONTRACT, Queue 2: `settled` says what is acknowledged; a lost receipt is named with RECEIPT_LOST."""
    await queue.publish(b"work", attributes={"a": "b"})
    async with queue.consuming() as stream:
        message = await stream.message()
        assert (message.payload, dict(message.attributes), message.attempt) == (b"work", {"a": "b"}, 1)
        await stream.ack(message)
        stream.ask(nack=q.Nack(receipts=[message.receipt]))
        assert reason((await stream.settled()).error) == "RECEIPT_LOST"
        stream.ask(ack=q.Ack(receipts=["forged"]))
        assert reason((await stream.settled()).error) == "INVALID_ARGUMENT"
        stream.end()
        assert await stream.rest() == []
    assert (await queue.counts()).acknowledged == 1


@BOTH_WAYS
async def test_what_is_late_is_revoked(queue: Queue) -> None:
    """CONTRACT, Queue 1: a stream learns which of its messages are its own no longer."""
    await queue.group(ack_deadline=queue.short)
    await queue.publish()
    async with queue.consuming(max_in_flight=1) as stream:
        message = await stream.message()
        revoked = (await stream.next()).revoked
        assert list(revoked.receipts) == [message.receipt]
        assert revoked.cause == q.Revocation.QUEUE_REVOCATION_DEADLINE
        assert (await stream.message()).attempt == 2


@pytest.mark.ways("binding")  # elsewhere what is sent waits on the way, and ages rightly
async def test_what_is_not_sent_does_not_age(queue: Queue) -> None:
    """CONTRACT, Queue 1: what a gateway has fetched and not sent neither ages nor counts as an attempt."""
    await queue.group(ack_deadline=4 * queue.short)
    for number in range(5):
        await queue.publish(b"%d" % number)
    async with queue.consuming(max_in_flight=10) as stream:
        stream.ask(ack=q.Ack(receipts=[(await stream.message()).receipt]))
        await asyncio.sleep(6 * queue.short)  # its reader does not read
        found: list[tuple[bytes, int]] = []
        while len(found) < 4:
            response = await stream.next()
            assert not response.HasField("revoked"), response
            if response.HasField("message"):
                found.append((response.message.payload, response.message.attempt))
        assert found == [(b"%d" % number, 1) for number in range(1, 5)]
