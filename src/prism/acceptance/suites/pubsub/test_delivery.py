"""What is published reaches those who listen, as it was, once, through any gateway."""

from datetime import UTC, datetime, timedelta

from prism.acceptance.suites.pubsub.dsl import PubSub

OCTETS = bytes(range(256))
NAMES = ["", "a", "A", "content-type", "a b", "a:b", "%41", "\u00fc", "Nats-Msg-Id", "grpc-status", ":path", "x-bin"]
VALUES = ["", " a ", "text/plain; charset=utf-8", "%41%", "a\r\nb: c", "\u00e9\U0001f600", "\t", "x" * 1024]


async def test_a_message_comes_as_it_was(ps: PubSub) -> None:
    """proto, Subscribe: topic, payload, attributes, id and time."""
    before = datetime.now(UTC)
    async with ps.listening() as messages:
        message_id = await ps.publish("orders.eu", OCTETS, {"type": "octets"})
        message = await messages.next()
    assert (message.topic, message.payload, message.message_id) == ("orders.eu", OCTETS, message_id)
    assert dict(message.attributes) == {"type": "octets"}
    at = message.published_at.ToDatetime(UTC)
    assert before - timedelta(minutes=1) < at < datetime.now(UTC) + timedelta(minutes=1)
    assert message.published_at.nanos % 1000 == 0


async def test_attributes_come_as_they_were(ps: PubSub) -> None:
    """proto, attributes: any text, also what a store's own headers would give a meaning to."""
    most = ps.capabilities.max_item_size // len(NAMES)  # a store that takes little takes few attributes too
    values = [value for value in VALUES if len(value.encode()) < most]
    async with ps.listening() as messages:
        for value in values:
            await ps.publish("t", b"", dict.fromkeys(NAMES, value))
        found = [dict((await messages.next()).attributes) for _ in values]
    for value in values:
        assert dict.fromkeys(NAMES, value) in found, value


async def test_payloads_of_every_size(ps: PubSub) -> None:
    """CONTRACT: payloads carry any octet, none of them and up to max_item_size."""
    most = ps.capabilities.max_item_size
    sizes = [*(size for size in (0, 1, 1000, 70_000) if size < most), most]
    async with ps.listening() as messages:
        for size in sizes:
            await ps.publish("t", OCTETS * (size // 256) + OCTETS[: size % 256])
            message = await messages.next()
            assert len(message.payload) == size
            assert message.payload[:256] == OCTETS[: min(size, 256)]


async def test_every_subscription_gets_everything(ps: PubSub) -> None:
    """CONTRACT, PubSub: fan-out: each subscription gets each message once, through whichever gateway."""
    sent = sorted(f"t.{number}" for number in range(20))
    async with ps.listening(via=0) as one, ps.listening(via=1) as other, ps.listening("t.*", via=0) as third:
        for number, topic in enumerate(sent):
            await ps.publish(topic, via=number)
        assert await ps.heard(one, len(sent)) == sent
        assert await ps.heard(other, len(sent)) == [*sent]
        found = sorted([(await third.next()).topic for _ in sent])
        assert found == sent


async def test_subscribed_is_subscribed(ps: PubSub) -> None:
    """CONTRACT: once the response headers have come no later message is missed, through whichever gateway."""
    for number in range(30):
        topic = f"t.{number}"
        async with ps.listening(topic, via=number) as messages:
            await ps.publish(topic, via=number + 1)
            assert (await messages.next()).topic == topic


async def test_nothing_is_kept(ps: PubSub) -> None:
    """CONTRACT, PubSub: a message goes to those who listen at that moment; publishing without a subscriber succeeds."""
    await ps.publish("t.early")
    async with ps.listening("t.*") as first:
        await ps.publish("t.first")
        assert (await first.next()).topic == "t.first"
    await ps.publish("t.between")
    async with ps.listening("t.*") as second:
        await ps.publish("t.second")
        assert (await second.next()).topic == "t.second"
