"""A server whose namespace is a graph in memory, for tests of what calls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from client.upstream import Upstream
from prism.backends.memory.testing import TemporaryStore
from prism.plugins.discovery import discover
from prism.sdk import Binding


@asynccontextmanager
async def graphing() -> AsyncIterator[Upstream]:
    """A server of an empty graph, for the length of a block."""
    store = TemporaryStore()
    await store.start()
    try:
        backend = await store.backend()
        upstream = Upstream(Binding(backend.interfaces, discover().found["memory"].manifest.capabilities))
        await upstream.listen()
        try:
            yield upstream
        finally:
            await upstream.close()
    finally:
        await store.stop()
