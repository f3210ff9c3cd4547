"""PubSub by LISTEN and NOTIFY: the suite of PubSub on it, what it does not take, and a session that is lost."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import pytest

from prism.acceptance import PluginAcceptanceHarness
from prism.backends.postgres.backend import PostgresBackend
from prism.backends.postgres.config import PostgresConfig, PostgresCredentials
from prism.backends.postgres.testing import PostgresTestBackend
from prism.context import Context
from prism.errors import InvalidArgument, MessagesLost, Unimplemented
from prism.interfaces import pubsub as ps


class NotifyingTestBackend(PostgresTestBackend):
    """PostgreSQL whose PubSub keeps nothing."""

    declares: Mapping[str, Mapping[str, object]] = {"pubsub": {"persistent": False, "max_item_size": 6_000}}

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The same place, by notifications."""
        return {**await super().connection_config(place), "pubsub": "notify"}


notify = PluginAcceptanceHarness("postgres", NotifyingTestBackend, suites=("pubsub",), ways=("binding",))


async def _backend(store: NotifyingTestBackend) -> PostgresBackend:
    config = PostgresConfig.model_validate(dict(await store.connection_config()))
    backend = PostgresBackend(config, PostgresCredentials.model_validate(dict(store.credentials())))
    await backend.start()
    return backend


async def test_what_it_does_not_take_and_a_session_that_is_lost() -> None:
    """A payload over a notification's size and `start` are refused; a lost session ends subscriptions with GAP."""
    store = NotifyingTestBackend()
    await store.start()
    try:
        backend = await _backend(store)
        try:
            pubsub, context = backend._pubsub, Context("n")
            with pytest.raises(InvalidArgument, match="7999"):
                await pubsub.publish(ps.PublishRequest(topic="t", payload=bytes(7_000)), context)
            past = ps.SubscribeRequest(topic_pattern="t", start=ps.Start(earliest={}))
            with pytest.raises(Unimplemented):
                await anext(pubsub.subscribe(past, context))
            established = asyncio.Event()
            listening = Context("n", on_established=established.set)
            async with aclosing(pubsub.subscribe(ps.SubscribeRequest(topic_pattern="t"), listening)) as messages:  # type: ignore[type-var]
                first = asyncio.ensure_future(anext(messages))
                await established.wait()
                await pubsub.publish(ps.PublishRequest(topic="t", payload=b"\x00\xff" * 2_900), context)
                assert (await first).payload == b"\x00\xff" * 2_900
                await store.disconnect()
                with pytest.raises(MessagesLost):
                    await anext(messages)
        finally:
            await backend.stop()
    finally:
        await store.stop()
