"""A server for commands, and a client to look behind them."""

from collections.abc import AsyncIterator

import pytest

from client.upstream import Upstream, serving
from prism.client import Client, KeyValue


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
