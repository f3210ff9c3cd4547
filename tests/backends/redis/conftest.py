"""Real servers for the tests of the redis backend."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio

from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort

pytest.importorskip("redis")

from backends.redis.store import Store
from prism.backends.redis.testing.server import RedisServer

Open = Callable[..., Awaitable[Store]]
Make = Callable[..., RedisServer]


@pytest.fixture
def server(make_server: Make) -> RedisServer:
    """A server for one test, to be broken as it likes."""
    return make_server()


@pytest.fixture
def make_server() -> Iterator[Make]:
    """Starts servers with options of their own, and ends them."""
    made: list[RedisServer] = []

    def make(**options: str | HeldPort) -> RedisServer:
        try:
            server = RedisServer({name.replace("_", "-"): value for name, value in options.items()})
            made.append(server)
            server.start()
        except StoreMissing as absent:
            missing(str(absent))
        return server

    yield make
    for each in made:
        each.stop()


@pytest_asyncio.fixture
async def open_store() -> AsyncIterator[Open]:
    """Opens backends on a server, started, and ends them."""
    opened: list[Store] = []

    async def open_(server: RedisServer, *, start: bool = True, **config: object) -> Store:
        store = Store(server, **config)
        opened.append(store)
        if start:
            await store.backend.start()
        return store

    yield open_
    for each in opened:
        await each.backend.stop()
