"""A client of the server's work."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from client.conftest import PATIENCE
from client.upstream import Upstream
from prism.client import Client, Queue, RetryPolicy

QUICK = RetryPolicy(first_delay=0.001, longest_delay=0.01)


@pytest.fixture
async def jobs(upstream: Upstream) -> AsyncIterator[Queue]:
    """The work of its namespace `default`."""
    async with Client(upstream.address, retry=QUICK) as prism, asyncio.timeout(PATIENCE):
        yield prism.queue()
