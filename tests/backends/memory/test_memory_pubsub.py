"""What PubSub in memory adds to the contract: which instances share it, its bounds, its end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.config import MemoryConfig
from prism.backends.memory.pubsub import MemoryPubSub
from prism.backends.memory.testing import TemporaryStore
from prism.context import Context
from prism.errors import BackendUnavailable, FellBehind
from prism.interfaces.pubsub import Message, PublishRequest, SubscribeRequest
from prism.sdk import NoCredentials


@pytest.fixture
async def store() -> AsyncIterator[TemporaryStore]:
    store = TemporaryStore()
    await store.start()
    yield store
    await store.stop()


def pubsub(backend: MemoryBackend) -> MemoryPubSub:
    (found,) = [each for each in backend.interfaces if isinstance(each, MemoryPubSub)]
    return found


async def listening(pubsub: MemoryPubSub, namespace: str = "default") -> AsyncIterator[Message]:
    """A subscription to everything, in place."""
    established = asyncio.Event()
    stream = pubsub.subscribe(
        SubscribeRequest(topic_pattern=">"), Context(namespace, on_established=established.set)
    ).__aiter__()
    first = asyncio.ensure_future(anext(stream))  # type: ignore[arg-type]  # a generator's is a coroutine
    await established.wait()

    async def messages() -> AsyncIterator[Message]:
        yield await first
        async for message in stream:
            yield message

    return messages()


async def publish(pubsub: MemoryPubSub, topic: str, payload: bytes = b"", namespace: str = "default") -> None:
    await pubsub.publish(PublishRequest(topic=topic, payload=payload), Context(namespace))


async def test_instances_on_one_store_share_it(store: TemporaryStore) -> None:
    """A message of one instance reaches the subscribers of another on the same store, and none elsewhere."""
    one, other = pubsub(await store.backend()), pubsub(await store.backend())
    stranger = MemoryBackend(MemoryConfig(store="elsewhere"), NoCredentials())
    messages = await listening(other)
    await publish(pubsub(stranger), "strange")
    await publish(one, "elsewhere", namespace="another")
    await publish(one, "mine")
    assert (await anext(messages)).topic == "mine"


@pytest.mark.parametrize("bounds", [{"buffer_messages": 3}, {"buffer_bytes": 3500}])
async def test_the_buffer_of_a_slow_subscriber_is_bounded(store: TemporaryStore, bounds: dict[str, int]) -> None:
    """By messages or by bytes: what is over ends the subscription, and nobody else's."""
    backend = MemoryBackend(MemoryConfig(**store.config, **bounds), NoCredentials())  # type: ignore[arg-type]  # texts
    slow, fast = await listening(pubsub(backend)), await listening(pubsub(await store.backend()))
    for number in range(5):
        await publish(pubsub(backend), str(number), bytes(1000))
    assert [(await anext(fast)).topic for _ in range(5)] == list("01234")
    with pytest.raises(FellBehind, match="missed 2 messages"):
        assert [message.topic async for message in slow] == ["0", "1", "2"]


async def test_its_end_ends_the_subscriptions(store: TemporaryStore) -> None:
    """A backend that stops leaves nobody waiting, and no subscriptions of others are touched."""
    backend, other = await store.backend(), await store.backend()
    messages, others = await listening(pubsub(backend)), await listening(pubsub(other))
    assert backend.metrics()["subscriptions"] == 1
    await backend.stop()
    with pytest.raises(BackendUnavailable, match="subscribe again"):
        await anext(messages)
    await publish(pubsub(other), "still there")
    assert (await anext(others)).topic == "still there"
    assert backend.metrics()["subscriptions"] == 0
