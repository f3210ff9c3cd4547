"""What the interfaces see of Redis: commands go in, answers come out, each in its place.

One server is spoken to over connections of our own, because who sends knows what was sent: that makes a failed write's
outcome honest. For a cluster see cluster.py.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import redis.exceptions as driver
from prism.backends.redis.connect import Connect
from prism.backends.redis.errors import asks_for_another_server, translate
from prism.backends.redis.scripts import whole
from redis._parsers import Encoder
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import Sentinel
from redis.connection import HiredisRespSerializer, PythonRespSerializer
from redis.utils import HIREDIS_AVAILABLE

_Pack = Callable[..., list[bytes]]
_CUTOFF: Final = 6000  # bytes above which the driver copies no value


def _packer() -> _Pack:
    """The driver's own; in C where hiredis is installed, which its connections for asyncio make no use of."""
    if HIREDIS_AVAILABLE:
        return HiredisRespSerializer().pack  # type: ignore[no-any-return, unused-ignore]  # of the driver
    encoder = Encoder("utf-8", "strict", decode_responses=False)  # type: ignore[no-untyped-call]  # of the driver
    return PythonRespSerializer(_CUTOFF, encoder.encode).pack


_pack: Final = _packer()

Command = Sequence[bytes | str | int]
Answer = Any
"""What Redis answered, or the exception that it answered with."""


class Server(Protocol):
    """Redis, alone or many."""

    @property
    def spans_slots(self) -> bool:
        """Whether a command may name keys of several records."""
        ...

    async def run(self, commands: Sequence[Command], *, writes: bool) -> list[Answer]:
        """The answers to the commands, in order; what Redis refuses is a PrismError in its place.

        Raises:
            PrismError: Redis could not be reached, or was lost on the way; a write says which.
        """
        ...

    async def everywhere(self, command: Command) -> list[Answer]:
        """What each server that takes writes answers to a question; raises as `run` does, of what is asked of all."""
        ...

    async def close(self) -> None:
        """Closes every connection."""
        ...


class OneServer:
    """One server, or the primary that sentinels name.

    Attributes:
        open: connections there are.
        idle: those that nobody uses.
    """

    spans_slots = True

    def __init__(
        self, connect: Connect, sentinel: Sentinel | None, *, most: int, timeout: float, greeting: float
    ) -> None:
        """
        Args:
            connect: makes connections.
            sentinel: what knows the sentinels, where there are any.
            most: connections at once.
            timeout: seconds for one exchange.
            greeting: seconds until a new connection is of use.
        """
        self._connect = connect
        self._greeting = greeting
        self._sentinel = sentinel
        self._timeout = timeout
        self._places = asyncio.Semaphore(most)
        self._idle: list[AbstractConnection] = []
        self._closed = False
        self.open = 0

    @property
    def idle(self) -> int:
        return len(self._idle)

    async def run(self, commands: Sequence[Command], *, writes: bool) -> list[Answer]:
        """See Server."""
        async with self._places:
            connection = await self._acquire(writes=writes)
            try:
                async with asyncio.timeout(self._timeout):
                    answers = await _exchange(connection, commands)
                    await _repeat_unknown_scripts(connection, commands, answers)
            except (driver.RedisError, OSError, TimeoutError) as error:
                await self._drop(connection)
                await self._drop_idle()  # what has ended one has hardly left the others
                raise translate(error, writes=writes, sent=True) from error
            except BaseException:
                await self._drop(connection)
                raise
            if self._closed or any(asks_for_another_server(answer) for answer in answers):
                await self._drop(connection)
            else:
                self._idle.append(connection)
        return [_understood(answer, writes=writes) for answer in answers]

    async def everywhere(self, command: Command) -> list[Answer]:
        """See Server."""
        return await self.run([command], writes=False)

    async def _acquire(self, *, writes: bool) -> AbstractConnection:
        while self._idle:
            connection = self._idle.pop()
            with suppress(driver.RedisError, OSError):
                if not await connection.can_read():
                    return connection
            await self._drop(connection)  # the server has closed it, or something unasked-for waits in it
        connection = self._connect()
        self.open += 1
        try:
            async with asyncio.timeout(self._greeting):  # a server that takes a connection may still say nothing
                await connection.connect()  # type: ignore[no-untyped-call]  # of the driver
        except (driver.RedisError, OSError, TimeoutError) as error:
            await self._drop(connection)
            raise translate(error, writes=writes, sent=False) from error
        except BaseException:
            await self._drop(connection)
            raise
        return connection

    async def _drop(self, connection: AbstractConnection, *, at_once: bool = True) -> None:
        self.open -= 1
        with suppress(driver.RedisError, OSError, TimeoutError):
            await connection.disconnect(nowait=at_once)

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._drop(self._idle.pop())

    async def close(self) -> None:
        """See Server. What is still under way closes its own when it is answered."""
        self._closed = True
        while self._idle:
            await self._drop(self._idle.pop(), at_once=False)
        for sentinel in self._sentinel.sentinels if self._sentinel else ():
            await sentinel.aclose()


async def _exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Answer]:
    packed = [piece for command in commands for piece in _pack(*command)]
    await connection.send_packed_command(b"".join(packed), check_health=False)
    answers: list[Answer] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response())
        except driver.ResponseError as error:
            answers.append(error)
        except (driver.BusyLoadingError, driver.AuthenticationError) as error:
            answers.append(error)  # an answer, though the driver counts it among the lost connections
    return answers


async def _repeat_unknown_scripts(
    connection: AbstractConnection, commands: Sequence[Command], answers: list[Answer]
) -> None:
    """Scripts that the server did not know have changed nothing: they are sent again, whole."""
    unknown = [index for index, answer in enumerate(answers) if isinstance(answer, driver.NoScriptError)]
    if unknown:
        again = await _exchange(connection, [whole(commands[index]) for index in unknown])
        for index, answer in zip(unknown, again, strict=True):
            answers[index] = answer


def _understood(answer: Answer, *, writes: bool) -> Answer:
    if not isinstance(answer, Exception):
        return answer
    error = translate(answer, writes=writes, sent=False)
    error.__cause__ = answer
    return error
