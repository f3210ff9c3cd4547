"""A NATS server that is killed, restarted, frozen, or that changes its mind about who may come in."""

import asyncio

import pytest
from nats.aio.client import Client

from backends.nats.listening import Backends
from prism.acceptance.store.polling import eventually
from prism.acceptance.store.proxy import Proxy
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.link import Link
from prism.backends.nats.servers import Servers
from prism.backends.nats.testing import NatsServer
from prism.errors import BackendUnavailable, MessagesLost, Outcome, PrismError
from prism.sdk import HealthStatus
from prism.wire import Code


async def test_a_killed_server_ends_subscriptions_with_a_gap(backends: Backends) -> None:
    """Whoever listens hears that messages may be missing; the server is found again and serves as before."""
    served = await backends.start()
    async with served.subscribed() as one, served.subscribed() as other:
        await served.publish("before")
        backends.server.kill()
        assert await one.topics(1) == await other.topics(1) == ["before"]
        for each in (one, other):
            with pytest.raises(MessagesLost) as caught:
                await each.next()
            assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "GAP")
    with pytest.raises(BackendUnavailable) as refused:
        async with served.subscribed():
            pass
    assert refused.value.retry_after
    backends.server.start()
    await served.healthy()
    async with served.subscribed() as messages:
        await served.publish("after")
        assert await messages.topics(1) == ["after"]
    assert served.backend.metrics()["connection_breaks"] == 3


async def test_a_connection_that_the_driver_closes_in_silence(backends: Backends) -> None:
    """It does so where its error comes after its end: the next call finds out, and another connection is made."""
    url = backends.server.url
    link = Link(
        NatsConfig(servers=(url,)), NatsCredentials.model_validate(backends.server.credentials()), Servers([url]), "t"
    )
    await link.start()
    try:
        before = link.session()
        await before.client._close(Client.CLOSED, do_cbs=False)
        with pytest.raises(BackendUnavailable):
            link.session()
        await eventually(lambda: asyncio.sleep(0, link.breaks == 1 and link.up), "it is made in the background")
        assert link.session() is not before
    finally:
        await link.stop()


async def test_a_publish_while_the_server_is_away(backends: Backends) -> None:
    """It is refused at once with nothing applied, and nothing of it comes out later."""
    served = await backends.start()
    backends.server.kill()
    await served.until(lambda health: health.status is HealthStatus.UNHEALTHY)
    for _ in range(3):
        with pytest.raises(BackendUnavailable) as caught:
            await served.publish("ghost")
        assert caught.value.outcome is Outcome.NOT_APPLIED
    backends.server.start()
    await served.healthy()
    async with served.subscribed() as messages:
        await served.publish("after")
        assert await messages.topics(1) == ["after"]


async def test_a_frozen_server_costs_only_the_time_allowed(backends: Backends) -> None:
    """A publish that is not confirmed in time says that nobody knows, and the connection is given up as broken."""
    served = await backends.start(answer_timeout=0.5, ping_interval=0.3, connect_timeout=2.0)
    async with served.subscribed() as messages:
        await served.publish("before")
        assert await messages.topics(1) == ["before"]
        backends.server.pause()
        try:
            with pytest.raises(BackendUnavailable) as caught:
                await served.publish("t")
            assert caught.value.outcome is Outcome.UNKNOWN
            with pytest.raises(MessagesLost):
                await messages.next()
        finally:
            backends.server.resume()
    await served.healthy()
    async with served.subscribed() as messages:
        await served.publish("after")
        assert await messages.topics(1) == ["after"]


async def test_every_publish_in_flight_is_answered(backends: Backends) -> None:
    """However many wait when the server dies, each gets its outcome; what was acknowledged before was delivered."""
    served, other = await backends.start(), await backends.start()
    async with other.subscribed() as messages:
        calls = [asyncio.ensure_future(served.publish("t", b"%d" % number)) for number in range(2000)]
        await calls[0]
        backends.server.kill()
        results = await asyncio.gather(*calls, return_exceptions=True)
        delivered, error = await messages.rest()
    backends.server.start()
    assert isinstance(error, MessagesLost)
    failures = [each for each in results if not isinstance(each, str)]
    assert all(isinstance(each, PrismError) and each.outcome is not None for each in failures)
    assert delivered[0].payload == b"0"


async def test_a_server_that_is_not_there(backends: Backends) -> None:
    """Starting fails with what to check, and may be tried again."""
    backend = backends.make()
    backends.server.kill()
    with pytest.raises(BackendUnavailable, match="check that it runs"):
        await backend.start()
    assert (await backend.health()).status is HealthStatus.UNHEALTHY
    backends.server.start()
    await backend.start()
    assert (await backend.health()).status is HealthStatus.HEALTHY


async def test_credentials_are_shown_to_nobody_in_clear(backends: Backends) -> None:
    """A server that offers no TLS where it is wanted is told nothing: whoever listens in would have made it so."""
    url = backends.server.url.replace("nats://", "tls://")
    with pytest.raises(BackendUnavailable, match="offers no TLS"):
        await backends.start(servers=[url])


async def test_a_server_that_gives_up_a_slow_reader() -> None:
    """NATS drops a gateway that reads slower than it is sent to: its subscribers hear of the gap, those of another miss
    nothing, and it serves again by itself."""
    server = NatsServer("user", "max_pending: 1MB\nwrite_deadline: 1s")
    server.start()
    try:
        async with asyncio.timeout(20), Proxy("127.0.0.1", server.port) as line, Backends(server) as backends:
            slow = await backends.start(servers=[f"nats://127.0.0.1:{line.port}"])
            fast = await backends.start(buffer_bytes="1GiB")
            async with slow.subscribed("t") as behind, fast.subscribed("t") as ahead:
                line.delay = 0.2
                sent = 0
                while "Slow Consumer Detected" not in server.log:
                    await fast.publish("t", bytes(500_000))
                    sent += 1
                    assert await ahead.topics(1) == ["t"]  # as it comes: a busy machine must not make this one slow too
                line.delay = 0
                taken, error = await behind.rest()
            assert isinstance(error, MessagesLost)
            assert len(taken) < sent
            await slow.healthy()
            async with slow.subscribed("t") as messages:
                await fast.publish("t")
                assert await messages.topics(1) == ["t"]
    finally:
        server.stop()
