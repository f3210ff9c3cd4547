"""Who waits learns of what others do: by NOTIFY, which says nothing to those who were away, and by a look each second.

Behind a pooler that gives each transaction another server nothing is told; the look is all there is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import asyncpg

from prism.backends.postgres.sessions import Session
from prism.backends.postgres.statements import Statement
from prism.errors import PrismError
from prism.sdk.wakeups import Key, Wakeups

LOOK = 1.0
"""Seconds between two looks."""

Fetch = Callable[..., Awaitable[Sequence[Any]]]


class Look(Protocol):
    """Notes who waits for what, if it is told of changes, and answers for each that there is: its place in the keys,
    its number in what is told, and a text that differs from the last one where it has changed."""

    async def __call__(self, keys: Sequence[Key], *, listens: bool) -> Sequence[Any]: ...


class Watch:
    """Watches topics while somebody waits for one.

    Args:
        wakeups: of those who wait.
        look: looks for changes.
        channel: gives the name of the channel that changes are told in.
        fetch: runs that statement.
        open_session: for one more session, which listens.
    """

    def __init__(
        self, wakeups: Wakeups, look: Look, channel: Statement, fetch: Fetch,
        open_session: Callable[[], Awaitable[Session]],
    ) -> None:  # fmt: skip
        self._wakeups = wakeups
        self._look_at = look
        self._channel = channel
        self._fetch = fetch
        self._open_session = open_session
        self._session: Session | None = None
        self._pooled = False
        self._task: asyncio.Task[None] | None = None
        self._names: dict[int, Key] = {}
        self._changes: dict[Key, str] = {}
        wakeups.on_waiter = self._start

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="postgres-watch")

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
        ((channel,),) = await self._fetch(self._channel)
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, PrismError):
            session = await self._open_session()
            self._pooled = session.pooled
            if session.pooled:
                session.connection.terminate()
                return
            self._session = session
            await session.connection.add_listener(channel, self._told)

    def _told(self, _connection: object, _process: int, _channel: str, said: object) -> None:
        """What is told is a number, below zero where it concerns all who wait."""
        number = int(str(said))
        key = self._names.get(abs(number))
        if key is not None and number < 0:
            self._wakeups.notify(key)
        elif key is not None:
            self._wakeups.notify_takers(key, 1)

    async def _look(self) -> None:
        keys = self._wakeups.keys()
        listens = self._session is not None
        changes: dict[Key, str] = {}
        for n, number, change in await self._look_at(keys, listens=listens):
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
