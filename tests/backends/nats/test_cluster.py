"""A cluster of three servers, of which one is killed: whoever was on it moves, nobody else notices."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from backends.nats.listening import Backends, Listening, Served
from prism.backends.nats.testing import NatsCluster
from prism.errors import BackendUnavailable, MessagesLost, Outcome, PrismError

PATIENCE = 20.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[NatsCluster]:
    """Three servers that ask for user and password."""
    with NatsCluster(3, "user") as cluster:
        yield cluster


@pytest.fixture
async def moving(cluster: NatsCluster) -> AsyncIterator[Backends]:
    """Makes backends on the cluster, all of whose servers run."""
    cluster.start()
    async with asyncio.timeout(PATIENCE), Backends(cluster.servers[0]) as backends:
        yield backends


async def reached(publisher: Served, listening: Listening, topic: str) -> None:
    """Publishes until a message arrives, so that the publisher's server knows of the subscription; and takes them all.

    A subscription is known to its own server when it is in place, and to the others a moment later.
    """
    sent = 0
    first = asyncio.ensure_future(listening.next())
    while not first.done():
        await publisher.publish(topic, b"%d" % sent)
        sent += 1
    last = await first
    while int(last.payload) < sent - 1:
        last = await listening.next()


async def publish_on(served: Served, results: list[str | PrismError]) -> None:
    """Publishes until it is cancelled, and notes how each message fared."""
    while True:
        try:
            results.append(await served.publish("t"))
        except PrismError as error:
            results.append(error)
        await asyncio.sleep(0)


async def test_messages_reach_every_server(cluster: NatsCluster, moving: Backends) -> None:
    """What is published on one server arrives once for each subscriber on the others, and once for a group."""
    served = [await moving.start(servers=[server.url]) for server in cluster.servers]
    async with (
        served[0].subscribed("t.*") as own,
        served[1].subscribed("t.*") as other,
        served[1].subscribed("t.*", group="g") as one,
        served[2].subscribed("t.*", group="g") as two,
    ):
        topics = [f"t.{number}" for number in range(50)]
        for each in served[1:]:
            async with each.subscribed("knock") as knock:
                await reached(served[0], knock, "knock")
        for topic in topics:
            await served[0].publish(topic)
        assert await own.topics(50) == topics
        assert await other.topics(50) == topics
        shares = await shared(one, two, 50)
    assert sorted(shares) == sorted(topics)


def ports(served: Served) -> set[int]:
    """Those of the servers that it is connected with."""
    links = (served.backend._outgoing, served.backend._incoming)
    return {link.session().client.connected_url.port for link in links}


async def shared(one: Listening, two: Listening, count: int) -> list[str]:
    """The topics that two subscribers have got, once they have so many together."""
    got: list[str] = []
    full = asyncio.Event()

    async def take(listening: Listening) -> None:
        while True:
            got.append((await listening.next()).topic)
            if len(got) == count:
                full.set()

    tasks = [asyncio.create_task(take(each)) for each in (one, two)]
    await full.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return got


async def test_a_gateway_never_misses_what_it_publishes_itself(cluster: NatsCluster, moving: Backends) -> None:
    """Both its connections stand on one server, at first and after that was killed: what follows a subscription at once
    is there, a hundred times over."""
    served = await moving.start(servers=cluster.urls)
    for kills in range(2):
        for number in range(100):
            async with served.subscribed(f"t{number}") as messages:
                await served.publish(f"t{number}")
                assert await messages.topics(1) == [f"t{number}"]
        (port,) = ports(served)
        (victim,) = [server for server in cluster.servers if server.port == port]
        await asyncio.to_thread(victim.kill)
        async with asyncio.timeout(PATIENCE):
            while served.backend.metrics()["connection_breaks"] < 2 * (kills + 1):
                await served.backend.health()
            await served.healthy()


async def test_a_killed_server_costs_only_those_who_were_on_it(cluster: NatsCluster, moving: Backends) -> None:
    """Its subscribers hear of a gap, its publishers of their outcomes, and their gateway goes on elsewhere by itself;
    those on another server miss nothing of what they send each other."""
    hit = await moving.start(servers=cluster.urls)
    victims = [server for server in cluster.servers if server.port in ports(hit)]
    safe = [server for server in cluster.servers if server not in victims]
    bystander, neighbour = [await moving.start(servers=[safe[0].url]) for _ in range(2)]
    async with bystander.subscribed("by.>") as undisturbed, hit.subscribed("t") as cut:
        results: list[str | PrismError] = []
        sending = asyncio.create_task(publish_on(hit, results))
        noise = [asyncio.create_task(neighbour.publish(f"by.{number}")) for number in range(200)]
        for victim in victims:
            await asyncio.to_thread(victim.kill)
        noise += [asyncio.create_task(neighbour.publish(f"by.{number}")) for number in range(200, 400)]
        _, error = await cut.rest()
        assert isinstance(error, MessagesLost)
        await hit.healthy()
        await asyncio.gather(*noise)
        assert sorted(await undisturbed.topics(400)) == sorted(f"by.{number}" for number in range(400))
        async with hit.subscribed("again") as again:
            await reached(bystander, again, "again")
        await hit.publish("t")
        sending.cancel()
    failures = [each for each in results if not isinstance(each, str)]
    assert all(isinstance(each, BackendUnavailable) for each in failures)
    assert {each.outcome for each in failures} <= {Outcome.UNKNOWN, Outcome.NOT_APPLIED}
    assert failures
    assert ports(hit) <= {server.port for server in safe}
