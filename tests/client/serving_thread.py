"""A server in a thread of its own, for clients that have no event loop or more than one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from client.upstream import Upstream, serving


@contextmanager
def upstream_thread() -> Iterator[Upstream]:
    """A server on an empty memory store."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = serving()
    upstream: Upstream = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    yield upstream
    asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
