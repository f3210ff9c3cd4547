"""How long streams last: by policy, and by the credential that they began with."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.issuer import AUDIENCE, Issuer, rsa_key
from gateway.policed import EVERYTHING, SERVICE, Incoming, Policed, policed
from prism.errors import DeadlineExceeded, PrismError, Unauthenticated
from prism.gateway.observers.denials import Denial
from prism.interfaces import pubsub as ps
from prism.wire import Metadata

PUBSUB = "prism.data.v1.PubSub"
KEY = "prism_0123456789"
Timers = list[tuple[float, Callable[..., None], tuple[object, ...]]]


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    """The timers of terms that wait long, run by the test; the others of the loop run by themselves."""
    kept: Timers = []
    own = asyncio.BaseEventLoop.call_later

    def call_later(loop: Any, delay: float, callback: Any, *args: object, **more: Any) -> Any:
        if getattr(callback, "__module__", "") == "prism.gateway.streams.lifetime":
            kept.append((delay, callback, args))
            return own(loop, 3600, lambda: None)
        return own(loop, delay, callback, *args, **more)

    monkeypatch.setattr(asyncio.BaseEventLoop, "call_later", call_later)
    return kept


@asynccontextmanager
async def subscribed(world: Policed, **headers: str) -> AsyncIterator["asyncio.Task[bytes]"]:
    """Waits for the first message of a subscription that is in place."""
    operation = world.gateway.operations[f"/{PUBSUB}/Subscribe"]
    incoming = Incoming(Metadata([("prism-namespace", "default"), *headers.items()]))
    request = ps.SubscribeRequest(topic_pattern=">").SerializeToString()
    established = asyncio.Event()

    async def first() -> bytes:
        async with aclosing(world.gateway.stream(incoming, operation, request, None, established.set)) as stream:
            return await anext(stream)

    waiting = asyncio.create_task(first())
    await established.wait()
    yield waiting
    waiting.cancel()
    await asyncio.wait([waiting])


async def ending(waiting: "asyncio.Task[bytes]") -> PrismError:
    """How it ended."""
    with pytest.raises(PrismError) as caught:
        await waiting
    return caught.value


async def test_a_stream_ends_with_its_time(timers: Timers) -> None:
    """Up to a tenth before it, with what to do; who may come again is told so, and the store is left."""
    async with policed(policy={"timeouts": {"stream": 100}}, services=[PUBSUB]) as world, subscribed(world) as stream:
        ((delay, expire, args),) = timers
        assert 90 <= delay <= 100
        expire(*args)
        error = await ending(stream)
        assert isinstance(error, DeadlineExceeded)
        assert error.message == "streams on this namespace last at most 100 s; open a new one"
        assert (error.reason, error.retry_after) == ("STREAM_TOO_LONG", 0.05)
        assert world.instance.active == 0


async def test_a_stream_ends_with_its_caller_s_credential(timers: Timers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before, though the clock is looked at now and then; it is a denial, and its caller may come with another."""
    until = datetime.fromtimestamp(time.time() + 3600, UTC)
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    key = {"name": "ci", "hash": f"sha256:{digest}", "expires": until.isoformat()}
    methods = {"methods": [{"type": "api_keys", "keys": [key]}]}
    async with policed(methods, EVERYTHING, services=[PUBSUB]) as world:
        heard: list[Denial] = []
        world.gateway.denials.listen(heard.append)
        async with subscribed(world, authorization=f"Bearer {KEY}") as stream:
            delay, look, args = timers[-1]
            assert delay == 600
            look(*args)
            assert (len(timers), heard) == (2, [])
            monkeypatch.setattr("prism.gateway.streams.lifetime.time", lambda: until.timestamp())
            look(*args)
            error = await ending(stream)
        assert isinstance(error, Unauthenticated)
        assert (error.reason, error.retry_after) == ("CREDENTIAL_EXPIRED", 0.05)
        assert [(each.principal.name, each.error.reason) for each in heard] == [("ci", "CREDENTIAL_EXPIRED")]


async def test_a_stream_ends_when_its_token_s_key_is_withdrawn() -> None:
    """With the fetch that finds it gone; it is a denial; streams by another key, and by no token, go on."""
    issuer = Issuer().start()
    oidc = {"type": "oidc", "issuer": issuer.url, "audiences": [AUDIENCE]}
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    api_keys = {"type": "api_keys", "keys": [{"name": "ci", "hash": f"sha256:{digest}"}]}
    try:
        async with policed({"methods": [oidc, api_keys]}, EVERYTHING, services=[PUBSUB, SERVICE]) as world:
            heard: list[Denial] = []
            world.gateway.denials.listen(heard.append)
            first = issuer.token(kid="first")
            issuer.keys["second"] = rsa_key()
            second = issuer.token(kid="second", sub="bob")
            async with (
                subscribed(world, authorization=f"Bearer {second}") as stays,
                subscribed(world, authorization=f"Bearer {KEY}") as stays_too,
                subscribed(world, authorization=f"Bearer {first}") as stream,
                asyncio.timeout(20),
            ):
                del issuer.keys["first"]
                issuer.keys["third"] = rsa_key()
                asked = issuer.asked
                await world.ask(authorization=f"Bearer {issuer.token(kid='third')}")
                error = await ending(stream)
                assert issuer.asked == asked + 1
                assert not stays.done()
                assert not stays_too.done()
        assert isinstance(error, Unauthenticated)
        assert (error.reason, error.retry_after) == ("CREDENTIAL_WITHDRAWN", 0.05)
        assert error.message == ("the stream's credential was revoked; open a new stream with a valid one")
        assert [(each.principal.name, each.error.reason) for each in heard] == [("alice", "CREDENTIAL_WITHDRAWN")]
        assert "the issuer has no key 'first'" in heard[0].detail
    finally:
        issuer.stop()


async def test_a_stream_without_bounds_has_no_timer(timers: Timers) -> None:
    """What is off costs nothing."""
    async with policed(services=[PUBSUB]) as world, subscribed(world):
        assert timers == []
