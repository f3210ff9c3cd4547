"""The first use of a namespace: one caller makes what is missing, the others wait for it and go on in their order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import nats
import pytest
from nats.aio.msg import Msg

from backends.nats.listening import Backends
from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.jetstream.single_flight import SingleFlight
from prism.context import Context
from prism.errors import BackendUnavailable
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.sdk.queue import StoredQueue

CALLERS = 500


@asynccontextmanager
async def asked(backends: Backends, what: str) -> AsyncIterator[list[str]]:
    """The requests of one kind that JetStream gets meanwhile."""
    login = backends.server.credentials()
    client = await nats.connect(backends.server.url, user=login["username"], password=login["password"])
    found: list[str] = []

    async def hear(message: Msg) -> None:
        found.append(message.subject)

    await client.subscribe(f"$JS.API.{what}.>", cb=hear)
    await client.flush()
    try:
        yield found
        await client.flush()
    finally:
        await client.close()


async def test_the_log_of_a_namespace_is_made_once(backends: Backends) -> None:
    """Those who publish at once to a new namespace do not overtake each other: each asked for itself before."""
    served, other = await backends.start(), await backends.start()
    async with other.subscribed(namespace="new") as messages, asked(backends, "STREAM.CREATE") as made:
        calls = [asyncio.ensure_future(served.publish("t", b"%d" % number, "new")) for number in range(CALLERS)]
        await asyncio.gather(*calls)
        payloads = [(await messages.next()).payload for _ in range(CALLERS)]
    assert payloads == [b"%d" % number for number in range(CALLERS)]
    assert len(made) == 1


async def test_a_topic_is_made_once(backends: Backends) -> None:
    """So do those who publish to a queue's topic."""
    queue = _queue((await backends.start()).backend)
    context = Context("first")
    requests = [q.PublishRequest(topic="jobs", payload=b"%d" % number) for number in range(CALLERS)]
    async with asked(backends, "STREAM.CREATE") as made:
        await asyncio.gather(*(queue.publish(each, context) for each in requests))
        received: list[bytes] = []
        while len(received) < CALLERS:
            asks = q.ReceiveRequest(topic="jobs", group="g", max=CALLERS)
            received += [each.payload for each in (await queue.receive(asks, context)).messages]
    assert received == [each.payload for each in requests]
    assert len([each for each in made if each.endswith("jobs")]) == 1


async def test_a_group_is_asked_for_once(backends: Backends) -> None:
    """A gateway that has not asked for a group lately asks once for all its consumers."""
    served = await backends.start()
    queue, context = _queue(served.backend), Context("groups")
    await queue.create_group(q.CreateGroupRequest(topic="jobs", group="g"), context)
    asks = q.ReceiveRequest(topic="jobs", group="g", max=1)
    await queue.receive(asks, context)
    for space in served.backend._queues._spaces.values():
        space.changed("jobs")
    async with asked(backends, "CONSUMER.LIST") as listed:
        await asyncio.gather(*(queue.receive(asks, context) for _ in range(20)))
    assert len(listed) == 1


def _queue(backend: NatsBackend) -> StoredQueue:
    queue = cast("StoredQueue", backend.interfaces[1])
    queue.declare(QueueCapabilities(max_nack_delay=100.0, min_ack_deadline=0.05))
    return queue


async def test_one_who_gives_up_stops_no_other() -> None:
    """Neither the first nor any; the work goes on, and its result is everyone's."""
    flights: SingleFlight[int] = SingleFlight()
    go, order = asyncio.Event(), []

    async def work() -> int:
        await go.wait()
        return 7

    async def call(number: int) -> int:
        found = await flights.do("k", work)
        order.append(number)
        return found

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    await asyncio.sleep(0)
    calls[0].cancel()
    calls[3].cancel()
    await asyncio.sleep(0)
    go.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in found] == [True, False, False, True, False]
    assert order == [1, 2, 4]


async def test_a_failure_reaches_each_as_its_own_error() -> None:
    """What is added to one caller's error does not show in another's; the next call tries anew."""
    flights: SingleFlight[int] = SingleFlight()

    async def fail() -> int:
        raise BackendUnavailable("away")

    async def good() -> int:
        return 1

    first, second = await asyncio.gather(flights.do("k", fail), flights.do("k", good), return_exceptions=True)
    assert isinstance(first, BackendUnavailable)
    assert isinstance(second, BackendUnavailable)
    assert first is not second
    assert await flights.do("k", good) == 1


async def test_work_that_is_cancelled() -> None:
    """Those who wait for it end with it."""
    flights: SingleFlight[None] = SingleFlight()
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    call = asyncio.create_task(flights.do("k", work))
    await started.wait()
    for each in flights._tasks:
        each.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
