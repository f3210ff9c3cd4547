"""What a topic, a pattern, a payload and attributes may be; batches, whose messages fail one by one."""

import pytest

from prism.acceptance.suites.pubsub.dsl import PubSub
from prism.errors import InvalidArgument, Outcome
from prism.interfaces.pubsub import PublishRequest, SubscribeRequest
from prism.rpc_status import from_status
from prism.wire.grpc.status import Code, Status


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("", "required"),
        ("t" * 513, "at most 512"),
        ("\u00fc" * 257, "at most 512"),
        ("a\0", "NUL"),
        (".", "empty"),
        ("a.", "empty"),
        ("a..b", "empty"),
        ("*", "for patterns"),
        ("a.>", "for patterns"),
        ("a.*.b", "for patterns"),
    ],
)
async def test_what_no_topic_is(ps: PubSub, topic: str, says: str) -> None:
    """CONTRACT, common rules: INVALID_ARGUMENT with the field, what was found and what is allowed."""
    error = await ps.refused(InvalidArgument, "Publish", PublishRequest(topic=topic))
    assert [violation.field for violation in error.violations] == ["topic"]
    assert says in error.message


@pytest.mark.parametrize("pattern", ["", "a..b", ">.a", "a.>.b", "p" * 513, "a\0"])
async def test_what_no_pattern_is(ps: PubSub, pattern: str) -> None:
    """CONTRACT, common rules: refused before anything is subscribed."""
    error = await ps.refused(InvalidArgument, "Subscribe", SubscribeRequest(topic_pattern=pattern))
    assert [violation.field for violation in error.violations] == ["topic_pattern"]


async def test_limits_of_a_message(ps: PubSub) -> None:
    """CONTRACT, common rules: payload and attributes have limits; over one nothing is published."""
    async with ps.listening() as messages:
        for field, request in (
            ("payload", PublishRequest(topic="t", payload=bytes(ps.capabilities.max_item_size + 1))),
            ("attributes['a']", PublishRequest(topic="t", attributes={"a": "v" * 1025})),
            ("attributes", PublishRequest(topic="t", attributes={f"{number}": "" for number in range(65)})),
        ):
            error = await ps.refused(InvalidArgument, "Publish", request)
            assert [violation.field for violation in error.violations] == [field]
        assert await ps.heard(messages, 0) == []


async def test_a_batch_fails_one_by_one(ps: PubSub) -> None:
    """proto, PublishBatch: each message has an outcome of its own; the others are published."""
    requests = [PublishRequest(topic=topic, payload=topic.encode()) for topic in ("a", "b..c", "d", "*", "e")]
    async with ps.listening() as messages:
        results = await ps.publish_batch(requests)
        found = {message.message_id: message for message in [await messages.next() for _ in range(3)]}
        assert await ps.heard(messages, 0) == []
    assert [result.HasField("error") for result in results] == [False, True, False, True, False]
    assert {result.message_id for result in results if result.message_id} == set(found)
    for request, result in zip(requests, results, strict=True):
        if result.HasField("error"):
            status = Status(Code(result.error.code), result.error.message, result.error.SerializeToString())
            error = from_status(status)
            assert isinstance(error, InvalidArgument)
            assert error.outcome is Outcome.NOT_APPLIED
        else:
            assert (found[result.message_id].topic, found[result.message_id].payload) == (
                request.topic,
                request.payload,
            )


async def test_a_batch_of_many(ps: PubSub) -> None:
    """proto, PublishBatch: as many as max_batch_items, each delivered once."""
    count = min(ps.capabilities.max_batch_items, 1000)
    async with ps.listening() as messages:
        results = await ps.publish_batch(PublishRequest(topic=f"t.{number:04}") for number in range(count))
        assert len({result.message_id for result in results}) == count
        found = await ps.heard(messages, count)
    assert found == [f"t.{number:04}" for number in range(count)]
