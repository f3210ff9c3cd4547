"""A server and a client of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from client.upstream import Upstream, serving
from prism.client import Client, KeyValue, PubSub

PATIENCE = 20.0


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A server on an empty memory store."""
    async with serving() as upstream:
        yield upstream


@pytest.fixture
async def kv(upstream: Upstream) -> AsyncIterator[KeyValue]:
    """A client of the server."""
    async with Client(upstream.address) as prism:
        yield prism.keyvalue()


@pytest.fixture
async def events(upstream: Upstream) -> AsyncIterator[PubSub]:
    """A client of the server's topics."""
    async with Client(upstream.address) as prism, asyncio.timeout(PATIENCE):
        yield prism.pubsub()
