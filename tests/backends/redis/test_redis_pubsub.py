"""PubSub on Redis where Redis fails, refuses, or cuts off: every gap is told, and the next subscription is whole."""

import asyncio

import pytest

from backends.redis.conftest import Make, Open
from backends.redis.store import Store
from prism.acceptance.suites.pubsub.dsl import Listening
from prism.backends.redis.testing.server import USER, RedisServer
from prism.errors import BackendCredentials, BackendUnavailable, MessagesLost, Outcome, PrismError
from prism.interfaces.pubsub import Message

PATIENCE = 30.0
FLOOD = "for _ = 1, 100 do redis.call('PUBLISH', KEYS[1], ARGV[1]) end"


def channels(server: RedisServer) -> list[bytes]:
    """What Redis has subscribers for."""
    found: list[bytes] = server.command("PUBSUB", "CHANNELS", "*")
    return sorted(found)


async def until_channels(server: RedisServer, expected: list[bytes]) -> None:
    """Waits until Redis has subscribers for these channels and no others."""
    async with asyncio.timeout(PATIENCE):
        while channels(server) != expected:  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.005)


class Talk:
    """Publishes numbers one after the other, and remembers what became of each."""

    def __init__(self, store: Store) -> None:
        self.acknowledged: list[int] = []
        self.unknown: set[int] = set()
        self.refused: set[int] = set()
        self.failures: list[PrismError] = []
        self._store = store
        self._task = asyncio.create_task(self._talk())
        self._ending = False

    async def _talk(self) -> None:
        number = 0
        while not self._ending:
            number += 1
            try:
                await self._store.publish("t", b"%d" % number)
            except PrismError as error:
                self.failures.append(error)
                (self.unknown if error.outcome is Outcome.UNKNOWN else self.refused).add(number)
                await asyncio.sleep(0.005)
            else:
                self.acknowledged.append(number)

    async def end(self) -> None:
        """Stops it."""
        self._ending = True
        await self._task


async def numbers(listening: Listening, count: int) -> list[int]:
    """So many messages, as numbers."""
    return [int((await listening.next()).payload) for _ in range(count)]


async def test_a_kill_is_a_gap_and_nothing_else_is_missing(server: RedisServer, open_store: Open) -> None:
    """Killed three times under load: each subscription is an unbroken run, then GAP; nothing twice, nothing refused."""
    publisher, subscriber = await open_store(server), await open_store(server)
    talk = Talk(publisher)
    runs: list[list[int]] = []
    for _ in range(3):
        async with subscriber.listening("t") as listening:
            run = await numbers(listening, 50)
            await asyncio.to_thread(server.kill)
            rest, error = await listening.rest()
            runs.append(run + [int(message.payload) for message in rest])
        assert isinstance(error, MessagesLost), error
        assert error.reason == "GAP"
        await asyncio.to_thread(server.start)
    async with subscriber.listening("t") as listening:
        runs.append(await numbers(listening, 50))
    await talk.end()
    assert talk.failures
    assert all(type(each) is BackendUnavailable and each.outcome is not None for each in talk.failures)
    heard = [number for run in runs for number in run]
    assert heard == sorted(set(heard))
    assert talk.refused.isdisjoint(heard)
    for run in runs:
        assert {number for number in talk.acknowledged if run[0] <= number <= run[-1]} <= set(run)


async def test_a_subscriber_that_redis_drops_is_told(make_server: Make, open_store: Open) -> None:
    """client-output-buffer-limit: what came is unbroken, then GAP, and the other subscribers of the gateway too."""
    server = make_server(client_output_buffer_limit="pubsub 4mb 4mb 1")
    store = await open_store(server, buffer_messages=100_000, buffer_bytes=1 << 30)
    async with store.listening("t") as one, store.listening("*") as other:
        sent: list[int] = []
        while channels(server):  # the loop stands still meanwhile: nobody reads
            payload = b"%d" % len(sent) + bytes(1 << 13)
            body = Message(topic="t", message_id="m", payload=payload).SerializeToString()
            for channel in channels(server):
                server.command("EVAL", FLOOD, "1", channel, body)
            sent += [len(sent)] * 100
        for listening in (one, other):
            messages, error = await listening.rest()
            assert isinstance(error, MessagesLost), error
            came = [int(message.payload.rstrip(b"\0")) for message in messages]
            assert came == sent[: len(came)]
            assert 0 < len(came) < len(sent)
    async with store.listening("t") as again:
        await store.publish("t", b"fresh")
        assert (await again.next()).payload == b"fresh"


async def test_many_subscribers_are_one_at_redis(server: RedisServer, open_store: Open) -> None:
    """Redis sends each message once for all subscribers of a gateway to a topic, and nothing when the last has left."""
    store = await open_store(server)
    async with store.listening("a.b") as one, store.listening("a.b") as two, store.listening("*.b") as wild:
        assert channels(server) == [b"prism:{n}\0000\0>", b"prism:{n}\0000\0a.b"]
        assert server.command("PUBSUB", "NUMSUB", b"prism:{n}\0000\0a.b")[1] == 1
        sent = await store.publish("a.b")
        assert [(await each.next()).message_id for each in (one, two, wild)] == [sent] * 3
    await until_channels(server, [])
    assert store.backend.metrics()["subscriptions"] == 0


async def test_who_gives_up_while_subscribing_leaves_nothing(server: RedisServer, open_store: Open) -> None:
    """A caller that goes while Redis is silent takes nobody with it, and its subscription does not stay."""
    store = await open_store(server, command_timeout=20.0)
    async with store.listening("stays") as staying:
        server.pause()
        leaving = asyncio.create_task(store.listening("goes").__aenter__())
        async with asyncio.timeout(PATIENCE):
            while store.backend.metrics()["subscriptions"] != 2:  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait((leaving,))
        server.resume()
        await store.publish("stays", b"1")
        assert (await staying.next()).payload == b"1"
        await until_channels(server, [b"prism:{n}\0000\0stays"])


async def test_a_server_that_falls_silent_is_a_gap(server: RedisServer, open_store: Open) -> None:
    """Paused: nothing closes the connection, and the subscription ends all the same; a new one says what is wrong."""
    store = await open_store(server, connect_timeout=1.0, command_timeout=1.0, ping_interval=0.1)
    async with store.listening() as listening:
        server.pause()
        _, error = await listening.rest()
        assert isinstance(error, MessagesLost)
    with pytest.raises(BackendUnavailable, match="in time"):
        await store.listening().__aenter__()
    server.resume()
    async with store.listening() as listening:
        await store.publish("t")
        assert (await listening.next()).topic == "t"


async def test_a_replica_is_no_place_to_listen(server: RedisServer, make_server: Make, open_store: Open) -> None:
    """Demoted: it would hear at second hand. Subscriptions end with GAP, new ones and messages are refused."""
    store = await open_store(server, ping_interval=0.1)
    primary = make_server(requirepass="")
    async with store.listening() as listening:
        server.command("REPLICAOF", "127.0.0.1", str(primary.port))
        _, error = await listening.rest()
        assert isinstance(error, MessagesLost)
        assert "replica" in error.message
    with pytest.raises(BackendUnavailable, match="replica"):
        await store.listening().__aenter__()
    with pytest.raises(BackendUnavailable, match="replica") as refused:
        await store.publish("t")
    assert refused.value.outcome is Outcome.NOT_APPLIED
    server.command("REPLICAOF", "NO", "ONE")
    async with store.listening() as listening:
        await store.publish("t")
        assert (await listening.next()).topic == "t"


async def test_an_acl_that_limits_channels(server: RedisServer, open_store: Open) -> None:
    """A user with the channels of one namespace: wildcards and all work there; elsewhere it is the operator's fault."""
    server.command("ACL", "SETUSER", "limited", "on", ">secret", "~prism:*", "+@all", "resetchannels", "&prism:{n}*")
    login = {"username": "limited", "password": "secret"}
    store, other = await open_store(server, login=login), await open_store(server, login=login, namespace="other")
    async with store.listening("a.*") as listening:
        with pytest.raises(BackendCredentials, match="channel"):
            await other.listening("a.*").__aenter__()
        with pytest.raises(BackendCredentials) as refused:
            await other.publish("a.b")
        assert refused.value.outcome is Outcome.NOT_APPLIED
        await store.publish("a.b")
        assert (await listening.next()).topic == "a.b"
        server.command("ACL", "SETUSER", "limited", "resetchannels")
        _, error = await listening.rest()
        assert isinstance(error, MessagesLost)
    with pytest.raises(BackendCredentials):
        await store.listening("a.*").__aenter__()


async def test_a_user_who_may_not_ask_for_the_role_is_served(server: RedisServer, open_store: Open) -> None:
    """ROLE is worth asking for, and no condition."""
    server.command("ACL", "SETUSER", USER, "-role")
    store = await open_store(server, ping_interval=0.05)
    async with store.listening() as listening:
        async with asyncio.timeout(PATIENCE):
            while server.command("INFO", "commandstats").get("cmdstat_role", {}).get("rejected_calls", 0) < 3:  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.005)
        await store.publish("t")
        assert (await listening.next()).topic == "t"


async def test_databases_are_apart(server: RedisServer, open_store: Open) -> None:
    """Redis' channels are in no database: two databases with one prefix do not hear each other all the same."""
    one, two = await open_store(server), await open_store(server, database=1)
    async with one.listening() as ours, two.listening() as theirs:
        await one.publish("t", b"one")
        await two.publish("t", b"two")
        assert (await ours.next()).payload == b"one"
        assert (await theirs.next()).payload == b"two"


async def test_what_others_publish_is_left_out(
    server: RedisServer, open_store: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no message of ours is named in the log and harms no subscription."""
    store = await open_store(server)
    async with store.listening("t") as listening:
        for text in ("hello", ""):
            server.command("PUBLISH", channels(server)[0], text)
        await store.publish("t", b"ours")
        assert (await listening.next()).payload == b"ours"
    assert caplog.text.count("Prism did not publish") == 2


async def test_a_stop_ends_subscriptions(server: RedisServer, open_store: Open) -> None:
    """They end with UNAVAILABLE and no GAP, and no connection is left."""
    store = await open_store(server)
    async with store.listening() as listening:
        await store.backend.stop()
        _, error = await listening.rest()
    assert type(error) is BackendUnavailable
    async with asyncio.timeout(PATIENCE):
        while b" name=prism " in server.command("CLIENT", "LIST"):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
