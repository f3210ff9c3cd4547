"""Publishing work, and getting it by calls."""

from datetime import UTC, datetime, timedelta

import pytest

from client.upstream import Fault, Upstream
from prism.client import (
    AlreadyExists,
    BackendUnavailable,
    GroupConfig,
    InvalidArgument,
    Outcome,
    Queue,
    QueueOutgoing,
    ReceiptLost,
)


async def test_what_is_published_is_received(jobs: Queue) -> None:
    """Payload, attributes, key, id and time come as they were given, each once to a group."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    published = await jobs.publish("t", b"\0\xff", attributes={"type": "text"}, ordering_key="k")
    (message,) = await jobs.receive("t", group="g")
    assert (message.id, message.topic, message.payload) == (published.id, "t", b"\0\xff")
    assert (message.attributes, message.ordering_key, message.attempt) == ({"type": "text"}, "k", 1)
    assert before < message.published_at < datetime.now(UTC) + timedelta(seconds=1)
    await message.acknowledge()
    await message.acknowledge()
    assert message.settled
    assert await jobs.receive("t", group="g", wait=0) == []
    assert len(await jobs.receive("t", group="another", wait=0)) == 1


async def test_a_batch_keeps_its_failures_apart(jobs: Queue) -> None:
    """Each succeeds or fails by itself; an atomic one as a whole."""
    results = await jobs.publish_batch(
        [QueueOutgoing(topic="t", payload=b"1"), QueueOutgoing(topic="", payload=b"2"), QueueOutgoing(topic="t")]
    )
    assert [each.error is None for each in results] == [True, False, True]
    assert isinstance(results[1].error, InvalidArgument)
    assert results[1].error.outcome is Outcome.NOT_APPLIED
    with pytest.raises(InvalidArgument):
        await jobs.publish_batch([QueueOutgoing(topic="t"), QueueOutgoing(topic="")], atomic=True)
    assert (await jobs.describe_topic("t")).messages == 2
    assert await jobs.publish_batch([]) == []


async def test_times_of_a_message(jobs: Queue) -> None:
    """It is due after its delay or at its time, and expires; both at once are refused."""
    await jobs.publish("t", delay=timedelta(hours=1), ttl=60)
    await jobs.publish("t", deliver_at=datetime.now(UTC) + timedelta(hours=1))
    assert await jobs.receive("t", group="g", wait=0) == []
    assert (await jobs.describe_group("t", "g")).delayed == 2
    with pytest.raises(ValueError, match="exclude each other"):
        await jobs.publish("t", delay=1, deliver_at=datetime.now(UTC))
    with pytest.raises(ValueError, match="without a time zone"):
        await jobs.publish("t", deliver_at=datetime(2030, 1, 1))  # noqa: DTZ001  # that is what is wrong with it


async def test_what_is_not_due_can_be_taken_back(jobs: Queue) -> None:
    """`cancel` says which messages some group will not get."""
    await jobs.create_group("t", "g")
    published = await jobs.publish("t", delay=3600)
    assert await jobs.cancel("t", published.id, "none") == [published.id]
    assert await jobs.cancel("t") == []


async def test_a_publish_is_repeated_only_where_that_is_safe(jobs: Queue, upstream: Upstream) -> None:
    """Where nothing was applied, or it carries a key: then the second answer is the first."""
    upstream.faults.append(Fault(BackendUnavailable("away", outcome=Outcome.NOT_APPLIED)))
    await jobs.publish("t")
    assert upstream.methods() == ["Publish"] * 2
    upstream.faults.append(Fault(BackendUnavailable("away"), applied=True))
    with pytest.raises(BackendUnavailable) as caught:
        await jobs.publish("t")
    assert caught.value.outcome is Outcome.UNKNOWN
    upstream.faults.append(Fault(BackendUnavailable("away"), applied=True))
    assert (await jobs.publish("t", idempotency_key="k")).duplicate
    assert (await jobs.describe_topic("t")).messages == 3
    with pytest.raises(AlreadyExists):
        await jobs.publish("t", b"another", idempotency_key="k")


async def test_received_messages_are_settled_by_their_receipts(jobs: Queue, upstream: Upstream) -> None:
    """An outcome for each; what is safe to repeat is repeated."""
    await jobs.create_group("t", "g", GroupConfig(backoff_min=3600, backoff_max=3600))
    for number in range(4):
        await jobs.publish("t", b"%d" % number)
    first, second, third, fourth = await jobs.receive("t", group="g", limit=10)
    upstream.faults.append(Fault(BackendUnavailable("away"), applied=True))
    done = await jobs.acknowledge("t", "g", [first, "forged"])
    assert [(each.receipt, type(each.error)) for each in done] == [
        (first.receipt, type(None)),
        ("forged", InvalidArgument),
    ]
    assert [each.error for each in await jobs.extend("t", "g", [second.receipt])] == [None]
    assert [each.error for each in await jobs.nack("t", "g", [second], dead=True, reason="broken")] == [None]
    assert [each.error for each in await jobs.release("t", "g", [third])] == [None]
    assert await jobs.commit("t", "g", [fourth], [QueueOutgoing(topic="next")], idempotency_key="c")
    assert await jobs.acknowledge("t", "g", []) == []
    counts = await jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.dead, counts.waiting, counts.in_flight) == (2, 1, 1, 0)


async def test_a_received_message_is_settled_by_its_block(jobs: Queue) -> None:
    """As one of `consume`; where the lease was lost, the block that ends well says so."""
    await jobs.create_group("t", "g", GroupConfig(ack_deadline=0.05, backoff_min=0, max_attempts=0))
    await jobs.publish("t")
    (message,) = await jobs.receive("t", group="g")
    with pytest.raises(ReceiptLost):
        async with message:
            (again,) = await jobs.receive("t", group="g")
    assert message.lost
    with pytest.raises(ZeroDivisionError):
        async with again:
            raise ZeroDivisionError
    (last,) = await jobs.receive("t", group="g")
    assert last.attempt == 3
    async with last:
        assert await last.commit(QueueOutgoing(topic="next")) != []
    assert (await jobs.describe_group("t", "g")).acknowledged == 1
