"""Queue on Kafka: what the acceptance kit cannot see, through several gateways and by the broker's stock clients."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from backends.kafka.gateways import NAMESPACE, Gateways, Stream, publish
from prism.acceptance.store.polling import eventually
from prism.context import Context
from prism.errors import InvalidArgument, TopicNotFound
from prism.interfaces import queue as q


async def until(condition: Callable[[], bool]) -> None:
    """Waits until that is so."""

    async def so() -> bool:
        return condition()

    await eventually(so, "it does not come to that")


async def test_three_gateways_share_a_hundred_messages(gateways: Gateways) -> None:
    """CONTRACT, Queue 9: three consumers of a group in three partitions: each gets its share, exactly 100 in all."""
    three = [await gateways.new() for _ in range(3)]
    queue = three[0].interfaces[0]
    config = q.TopicConfig(partitions=3)
    await queue.create_topic(q.CreateTopicRequest(topic="t", config=config), Context(NAMESPACE))  # type: ignore[attr-defined]
    streams = [Stream(each, "t", "g") for each in three]
    for each in streams:
        await each.subscribed
    groups = [each._queues.groups for each in three]
    # the last one to join has moved partitions of the others
    await until(lambda: [len(each.partitions(NAMESPACE, "t", "g")) for each in groups] == [1, 1, 1])
    await asyncio.gather(*(publish(three[n % 3], "t", b"%d" % n, ordering_key=f"k{n}") for n in range(100)))
    await until(lambda: sum(len(each.settled) for each in streams) == 100)
    got = Counter(message.payload for each in streams for message in each.got)
    assert got == Counter(b"%d" % n for n in range(100))
    assert all(len(each.got) >= 10 for each in streams), [len(each.got) for each in streams]
    for each in streams:
        await each.end()


async def test_a_gateway_without_streams_holds_up_no_other(gateways: Gateways) -> None:
    """It stays in its group for a while after its last stream, but not where another gateway's stream waits."""
    one, other = [await gateways.new(queue={"linger": 3600.0}) for _ in range(2)]
    stream = Stream(one, "t", "g")
    await stream.subscribed
    await publish(one, "t", b"first")
    await until(lambda: len(stream.settled) == 1)
    await stream.end()
    assert one._queues.groups.is_member(NAMESPACE, "t", "g")
    stream = Stream(other, "t", "g")
    await publish(one, "t", b"second")
    await until(lambda: len(stream.settled) == 1)
    await stream.end()


async def test_a_stock_client_sees_what_prism_publishes(gateways: Gateways) -> None:
    """Payload, ordering key and attributes are value, key and headers of the record."""
    backend = await gateways.new()
    await publish(backend, "orders", b"one", ordering_key="customer 1", attributes={"a": "b"})
    consumer = Consumer({"bootstrap.servers": gateways.server.address, "group.id": secrets.token_hex(4),
                         "auto.offset.reset": "earliest"})  # fmt: skip
    consumer.subscribe([f"{gateways.prefix}.{NAMESPACE}.orders"])
    record = await asyncio.to_thread(consumer.poll, 30)
    await asyncio.to_thread(consumer.close)
    assert record is not None
    assert (record.value(), record.key()) == (b"one", b"customer 1")
    assert ("a", b"b") in (record.headers() or [])


async def test_a_topic_that_is_there_already(gateways: Gateways) -> None:
    """Existing keys, headers and partitions are taken as they are; what cannot be delivered is dead at once."""
    name = f"company.{secrets.token_hex(4)}"
    settings = {"bootstrap.servers": gateways.server.address}
    admin = AdminClient(settings)
    await asyncio.to_thread(admin.create_topics([NewTopic(name, 2, 1)])[name].result)
    producer = Producer(settings)
    producer.produce(name, b"x", b"k", partition=1, headers=[("h", b"1"), ("h", b"2"), ("bin", b"\xff")])
    producer.produce(name, None, partition=0, headers=[("only", b"headers")])
    ours = [("prism.id", b"1"), ("prism.ttl", b"soon")]
    producer.produce(name, b"as if it were ours", partition=0, headers=ours)
    producer.produce(name, b"large", partition=0, headers=[(f"n{n}", b"x" * 200) for n in range(60)])
    await asyncio.to_thread(producer.flush)
    backend = await gateways.new(queue={"topics": {"old": name}})
    stream = Stream(backend, "old", "g")
    await stream.until(lambda: len(stream.settled) == 2)
    assert sorted((await stream.subscribed).partitions) == [0, 1]
    found = {message.partition: message for message in stream.got}
    assert (found[1].payload, found[1].ordering_key, dict(found[1].attributes)) == (
        b"x", "k", {"h.h": "1", "h.h.2": "2", "h.bin.bin": "/w=="},
    )  # fmt: skip
    assert (found[0].payload, found[0].null_payload, dict(found[0].attributes)) == (b"", True, {"h.only": "headers"})
    await publish(backend, "old", b"mine", ordering_key="k")
    await stream.until(lambda: len(stream.settled) == 3)
    assert stream.got[-1].payload == b"mine"
    peek = q.PeekRequest(topic="old", group="g", state=q.State.QUEUE_STATE_DEAD)
    queue: Any = backend.interfaces[0]
    dead: list[q.Peeked] = []

    async def died() -> bool:
        dead[:] = (await queue.peek(peek, Context(NAMESPACE))).messages
        return len(dead) == 2

    await eventually(died, "they are not dead")
    assert sorted((each.reason, each.message.payload) for each in dead) == [  # they are in different partitions
        ("MALFORMED", b"as if it were ours"), ("TOO_LARGE", b"large"),
    ]  # fmt: skip
    await stream.end()
    missing = await gateways.new(queue={"topics": {"none": "no.such.topic"}})
    with pytest.raises(TopicNotFound, match=r"no\.such\.topic"):
        await publish(missing, "none", b"")


async def test_a_message_over_the_brokers_limit(gateways: Gateways) -> None:
    """INVALID_ARGUMENT with both numbers; nothing is published."""
    name = f"company.{secrets.token_hex(4)}"
    admin = AdminClient({"bootstrap.servers": gateways.server.address})
    small = NewTopic(name, 1, 1, config={"max.message.bytes": "2000"})
    await asyncio.to_thread(admin.create_topics([small])[name].result)
    backend = await gateways.new(queue={"topics": {"small": name}})
    with pytest.raises(InvalidArgument, match=r"3000 bytes.*2000"):
        await publish(backend, "small", b"x" * 3000)


async def test_what_is_settled_out_of_order_stays_so(gateways: Gateways) -> None:
    """CONTRACT, Queue 2: in any order of acknowledgements, also when another gateway goes on with the group."""
    first = await gateways.new()
    for number in range(20):
        await publish(first, "t", b"%d" % number)
    stream = Stream(first, "t", "g", max_in_flight=20)
    stream.acks = False
    await stream.until(lambda: len(stream.got) == 20)
    even = [message.receipt for message in reversed(stream.got) if int(message.payload) % 2 == 0]
    stream.ask(ack=q.Ack(receipts=even))
    await stream.until(lambda: len(stream.settled) == 10)
    await stream.end()
    await first.stop()
    second = await gateways.new()
    stream = Stream(second, "t", "g", max_in_flight=20)
    await stream.until(lambda: len(stream.settled) == 10)
    assert sorted(int(message.payload) for message in stream.got) == [*range(1, 20, 2)]
    assert {message.attempt for message in stream.got} == {1}
    await stream.end()


async def test_a_partition_goes_over_with_what_has_failed(gateways: Gateways) -> None:
    """CONTRACT, Queue 5 and 6: attempts and delays of nacks come along in the commit's metadata."""
    first = await gateways.new()
    await publish(first, "t", b"work")
    stream = Stream(first, "t", "g")
    stream.acks = False
    await stream.until(lambda: stream.got)
    nack = q.Nack(receipts=[stream.got[0].receipt])
    nack.delay.FromMilliseconds(1500)
    stream.ask(nack=nack)
    since = asyncio.get_running_loop().time()
    await stream.until(lambda: stream.settled)
    await stream.end()
    await first.stop()
    second = await gateways.new()
    stream = Stream(second, "t", "g")
    await stream.until(lambda: stream.got)
    assert stream.got[0].attempt == 2
    assert asyncio.get_running_loop().time() - since >= 1.5
    await stream.end()


async def test_a_partition_that_was_full_comes_back_and_goes_on(gateways: Gateways) -> None:
    """CONTRACT, Queue 10: it waited for what was unsettled, went to another gateway, and is read when it returns."""
    first, second = [await gateways.new(queue={"window": 16, "handover": 0.0}) for _ in range(2)]
    queue: Any = first.interfaces[0]
    made = q.CreateTopicRequest(topic="t", config=q.TopicConfig(partitions=2))
    await queue.create_topic(made, Context(NAMESPACE))
    await asyncio.gather(*(publish(first, "t", b"%d" % n, ordering_key=f"k{n}") for n in range(80)))
    groups = [each._queues.groups for each in (first, second)]
    stream = Stream(first, "t", "g", max_in_flight=80)
    stream.acks = False
    await stream.until(lambda: len(stream.got) == 80)
    assert groups[0].waiting_partitions == 2
    other = Stream(second, "t", "g", max_in_flight=1)
    other.acks = False
    await other.until(lambda: other.got)
    await other.end()
    await second.stop()
    await until(lambda: len(groups[0].partitions(NAMESPACE, "t", "g")) == 2)
    stream.acks = True
    for message in [*stream.got]:
        stream.ask(ack=q.Ack(receipts=[message.receipt]))
    await stream.until(lambda: len({each.payload for each in stream.got if each.receipt in stream.settled}) == 80)
    await stream.end()
