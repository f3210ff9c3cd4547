"""Who waits learns of what others do: by NOTIFY, which says nothing to those who were away, and by a look each second.

Behind a pooler that gives each transaction another server nothing is told; the look is all there is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg

from prism.backends.postgres.queue import statements
from prism.backends.postgres.sessions import Session
from prism.errors import PrismError
from prism.sdk.queue import Wakeups

LOOK = 1.0
"""Seconds between two looks."""

Fetch = Callable[..., Awaitable[Sequence[Any]]]


class Watch:
    """Watches topics while somebody waits for one.

    Args:
        wakeups: of those who wait.
        fetch: runs a statement.
        open_session: for one more session, which listens.
        listener: who we are to those who tell.
    """

    def __init__(
        self, wakeups: Wakeups, fetch: Fetch, open_session: Callable[[], Awaitable[Session]], listener: int
    ) -> None:
        self._wakeups = wakeups
        self._fetch = fetch
        self._open_session = open_session
        self._listener = listener
        self._session: Session | None = None
        self._pooled = False
        self._task: asyncio.Task[None] | None = None
        self._names: dict[int, tuple[str, str]] = {}
        self._changes: dict[tuple[str, str], str] = {}
        wakeups.on_waiter = self._start

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="queue-watch")

    async def stop(self) -> None:
        """Watches no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._hang_up()

    async def _run(self) -> None:
        try:
            while len(self._wakeups):
                with suppress(PrismError):  # those who wait are told by their own calls
                    await self._listen()
                    await self._look()
                await asyncio.sleep(LOOK)
        finally:
            self._hang_up()
            self._changes.clear()

    async def _listen(self) -> None:
        if self._pooled or (self._session is not None and not self._session.connection.is_closed()):
            return
        ((channel,),) = await self._fetch(statements.CHANNEL)
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, PrismError):
            session = await self._open_session()
            self._pooled = session.pooled
            if session.pooled:
                session.connection.terminate()
                return
            self._session = session
            await session.connection.add_listener(channel, self._told)

    def _told(self, _connection: object, _process: int, _channel: str, topic: object) -> None:
        key = self._names.get(int(str(topic)))
        if key is not None:
            self._wakeups.notify(key)

    async def _look(self) -> None:
        keys = self._wakeups.keys()
        listens = self._session is not None
        spaces, names = [space.encode() for space, _ in keys], [name.encode() for _, name in keys]
        changes: dict[tuple[str, str], str] = {}
        for n, number, change in await self._fetch(statements.WATCH, spaces, names, self._listener, listens):
            key = keys[n - 1]
            self._names[number] = key
            changes[key] = change
            if self._changes.get(key) != change:
                self._wakeups.notify(key)
        self._changes = changes

    def _hang_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.connection.terminate()
