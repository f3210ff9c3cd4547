"""The event loop of a process that serves, and the threads that it has for what would hold it up.

There are so many of them that what takes long leaves some for the rest. By itself libuv has four, which look names up,
and asyncio as many as there are processors and four more: so many stores whose names do not resolve, or whose files are
locked, kept every other store, each reload and the metrics waiting. Neither can be broken off, so the end of the
process does not wait for them.
"""

import os
import sys
import threading
from collections.abc import Coroutine
from typing import Any, Final

THREADS: Final = 64
"""Of each kind; those of libuv are made with the first name that is looked up, the others when they are needed."""
LEAVE: Final = 2.0
"""Seconds after the end of all work in which the process ends by itself, unless a thread waits for something still."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs it until it ends, in a loop of its own; the process is to end then too."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import uvloop  # here: what only describes a plugin does not need it

    async def with_threads() -> None:
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="worker")
        asyncio.get_running_loop().set_default_executor(threads)
        await main
        leaving = threading.Timer(LEAVE, _leave)
        leaving.daemon = True
        leaving.start()

    # Read by libuv when it needs its first thread.
    os.environ.setdefault("UV_THREADPOOL_SIZE", str(THREADS))
    uvloop.run(with_threads())


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
