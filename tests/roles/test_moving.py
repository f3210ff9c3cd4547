"""What a role does with one message: also one that the other side refuses, and with a gateway that is not there yet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

pytest.importorskip("nats")

import gateways
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.polling import eventually
from prism.client import Client, QueueMessage
from prism.errors import BackendUnavailable, FailedPrecondition, InvalidArgument, Unimplemented
from prism.roles.container import moving
from prism.roles.container.broker import Sink, Source, Taken
from prism.roles.container.moving import Consumer, Publisher
from prism.roles.container.nats import NatsSink, NatsSource
from prism.roles.container.settings import Settings


class Held(Sink, Source):
    """A broker in memory, which refuses what is called `bad`."""

    def __init__(self, *payloads: bytes) -> None:
        self.sent: list[bytes] = []
        self.settled: list[bytes] = []
        self.given_back: list[tuple[bytes, float]] = []
        self.away = 0
        self.done = asyncio.Event()
        self._payloads = [*payloads]

    async def send(self, message: QueueMessage) -> None:
        """See Sink."""
        if self.away:
            self.away -= 1
            raise BackendUnavailable("away")
        if message.payload == b"bad":
            raise InvalidArgument("too large")
        self.sent.append(message.payload)
        if message.payload == b"last":
            self.done.set()

    async def take(self, limit: int, stop: asyncio.Event) -> Sequence[Taken]:
        """See Source."""
        taken, self._payloads = self._payloads[:limit], self._payloads[limit:]
        if not taken:
            await stop.wait()
        many = {f"a{number}": "x" for number in range(100)}
        return [Taken("t", each, many if each == b"bad" else {}, each.decode(), each) for each in taken]

    async def settle(self, taken: Sequence[Taken]) -> None:
        """See Source."""
        self.settled += [each.payload for each in taken]
        self._end()

    async def give_back(self, taken: Sequence[Taken], delay: float = 0.0) -> None:
        """See Source."""
        self.given_back += [(each.payload, delay) for each in taken]
        self._end()

    def _end(self) -> None:
        if b"last" in self.settled and self.given_back:
            self.done.set()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[gateways.GatewayProcess]:
    """A gateway with a queue in memory."""
    with gateways.running(
        {"namespaces": [gateways.namespace("default", "memory", "queue")]}, tmp_path_factory.mktemp("roles")
    ) as gateway:
        yield gateway


def settings(**changes: object) -> Settings:
    """Of a role for NATS."""
    common = {"prism_plugin_role": "publisher", "prism_backend_type": "nats", "nats_subject": "a", "nats_stream": "A"}
    return Settings.model_validate({**common, **changes})


async def run(role: Publisher | Consumer, broker: Held) -> None:
    """Until the broker has all that it should."""
    running = asyncio.create_task(role.run())
    async with asyncio.timeout(30):
        await broker.done.wait()
    role.stop()
    await running


async def test_a_message_that_the_broker_refuses_is_dead_with_its_reason(gateway: gateways.GatewayProcess) -> None:
    """It holds back no other, and an operator finds it."""
    broker = Held()
    async with Client(gateway.data) as prism:
        jobs = prism.queue()
        for payload in (b"first", b"bad", b"last"):
            await jobs.publish("refused", payload)
        await run(Publisher(prism, broker, settings(prism_topic="refused")), broker)
        assert sorted(broker.sent) == [b"first", b"last"]
        (dead,) = [each async for each in jobs.peek("refused", "prism-publisher", state="dead")]
        assert (dead.payload, dead.reason) == (b"bad", "too large")


async def test_a_broker_that_is_away_fails_no_message(gateway: gateways.GatewayProcess) -> None:
    """However often: the group that a publisher makes counts no attempts, so a row of kills buries none either."""
    broker = Held()
    broker.away = 3
    async with Client(gateway.data) as prism:
        await prism.queue().publish("away", b"last")
        role = Publisher(prism, broker, settings(prism_topic="away"))
        await run(role, broker)
        assert (broker.sent, role.moved, role.failed) == ([b"last"], 1, 3)
        assert (await prism.queue().describe_group("away", "prism-publisher")).config.max_attempts == 0


async def test_a_publisher_waits_for_its_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose first subscription fails says why, and goes on when there is a gateway: it ended before."""
    monkeypatch.setattr(moving, "_PAUSES", (0.05,))
    port, broker = HeldPort(), Held()
    entry = gateways.namespace("default", "memory", "queue")
    gateway = gateways.GatewayProcess({"gateway": {"listen": f"127.0.0.1:{port}"}, "namespaces": [entry]}, tmp_path)
    async with Client(f"127.0.0.1:{port}", timeout=0.3) as prism:
        role = Publisher(prism, broker, settings(prism_topic="t"))
        running = asyncio.create_task(role.run())
        await eventually(lambda: asyncio.sleep(0, bool(role.wrong)), "the role has tried to subscribe")
        assert not running.done()
        await asyncio.to_thread(gateway.start)
        try:
            async with Client(gateway.data) as other:
                await other.queue().publish("t", b"last")
            async with asyncio.timeout(30):
                await broker.done.wait()
            assert role.wrong == ""
            role.stop()
            await running
        finally:
            await asyncio.to_thread(gateway.stop)


async def test_a_message_that_prism_refuses_holds_back_no_other(gateway: gateways.GatewayProcess) -> None:
    """It goes back to the broker for a while; those that came with it and after it are settled."""
    broker = Held(b"first", b"bad", b"middle", b"last")
    async with Client(gateway.data) as prism:
        role = Consumer(prism, broker, settings(prism_topic="from", prism_concurrency=3))
        await run(role, broker)
        assert broker.settled == [b"first", b"middle", b"last"]
        assert broker.given_back == [(b"bad", moving.REFUSED)]
        assert (role.moved, role.failed) == (3, 1)


@pytest.mark.parametrize("kind", [NatsSink, NatsSource])
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"nats_password": "hush-hush"}, "username and password"),
        ({"nats_nkey": "SUhush-hush"}, "NATS_NKEY: not a valid seed"),
        ({"nats_url": "nats://me:hush-hush@host"}, "NATS_URL.0: the URL of a server"),
    ],
)
def test_a_wrong_login_shows_no_secret(kind: type, changes: dict[str, str], sentence: str) -> None:
    """The setting is named, as for all others."""
    with pytest.raises(FailedPrecondition, match=sentence) as caught:
        kind(settings(**changes))
    assert "hush-hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_queue_that_knows_no_idempotency_keys(gateway: gateways.GatewayProcess) -> None:
    """Messages that are under way at once are each sent again without one; the role ended before."""
    broker = Held(b"one", b"two", b"bad", b"last")

    async def publish(_topic: str, payload: bytes, *, idempotency_key: str, attributes: object) -> None:
        await asyncio.sleep(0)
        if idempotency_key:
            raise Unimplemented("keys are not declared", capability="idempotency")
        if payload == b"bad":
            raise InvalidArgument("too many attributes")

    async with Client(gateway.data) as prism:
        role = Consumer(prism, broker, settings(prism_topic="keys", prism_concurrency=4))
        role._queue.publish = publish  # type: ignore[method-assign,assignment]  # no store that has a server here
        await run(role, broker)
        assert broker.settled == [b"one", b"two", b"last"]
