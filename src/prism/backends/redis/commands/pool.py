"""The connections to one server, made as they are needed, and calls over one: the sender knows what was sent."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import redis.exceptions as driver
from redis._parsers import Encoder
from redis.asyncio.connection import AbstractConnection, Connection
from redis.connection import HiredisRespSerializer, PythonRespSerializer
from redis.utils import HIREDIS_AVAILABLE

from prism.backends.redis.commands.connect import Connect

Command = Sequence[bytes | str | int]
Answer = Any
"""What Redis answered, or the exception that it answered with."""

_Pack = Callable[..., list[bytes]]
_CUTOFF: Final = 6000  # bytes above which the driver copies no value


def _packer() -> _Pack:
    """The driver's own; in C where hiredis is installed, which its connections for asyncio make no use of."""
    if HIREDIS_AVAILABLE:
        return HiredisRespSerializer().pack  # type: ignore[no-any-return, unused-ignore]  # of the driver
    encoder = Encoder("utf-8", "strict", decode_responses=False)  # type: ignore[no-untyped-call]  # of the driver
    return PythonRespSerializer(_CUTOFF, encoder.encode).pack


_pack: Final = _packer()


class Pool:
    """The connections to one server; the caller that takes one gives it back or drops it.

    Attributes:
        closed: what is given back is closed.
    """

    def __init__(self, connect: Connect, *, handshake_timeout: float) -> None:
        """
        Args:
            connect: makes connections.
            handshake_timeout: seconds in which a new connection must be ready.
        """
        self._connect = connect
        self._handshake_timeout = handshake_timeout
        self._all: set[AbstractConnection] = set()
        self._idle: list[AbstractConnection] = []
        self.closed = False

    @property
    def open(self) -> int:
        """Connections there are."""
        return len(self._all)

    @property
    def idle(self) -> int:
        """Connections that are not in use."""
        return len(self._idle)

    def leads_elsewhere(self, address: tuple[str, int]) -> bool:
        """Whether any of them goes to another server; under load there may never be one that waits."""
        return any((each.host, each.port) != address for each in self._all if isinstance(each, Connection))

    async def take(self) -> AbstractConnection:
        """An open connection for this caller alone; raises what the driver does."""
        while self._idle:
            connection = self._idle.pop()
            with suppress(driver.RedisError, OSError):
                if not await connection.can_read():
                    return connection
            await self.drop(connection)  # the server has closed it, or something unasked-for waits in it
        connection = self._connect()
        try:
            async with asyncio.timeout(
                self._handshake_timeout
            ):  # a server that takes a connection may still say nothing
                await connection.connect()  # type: ignore[no-untyped-call]  # of the driver
        except BaseException:
            await self.drop(connection)
            raise
        self._all.add(connection)
        return connection

    async def give_back(self, connection: AbstractConnection) -> None:
        """Every command on it was answered."""
        if self.closed:
            await self.drop(connection)
        else:
            self._idle.append(connection)

    async def drop(self, connection: AbstractConnection, *, at_once: bool = True) -> None:
        """It is broken."""
        self._all.discard(connection)
        with suppress(driver.RedisError, OSError, TimeoutError):
            await connection.disconnect(nowait=at_once)

    async def drop_idle(self) -> None:
        """Closes the idle ones: none of them is usable."""
        while self._idle:
            await self.drop(self._idle.pop())

    async def close(self) -> None:
        """Closes what waits. What is still under way is closed when it is given back."""
        self.closed = True
        while self._idle:
            await self.drop(self._idle.pop(), at_once=False)


async def exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Answer]:
    """The answers to the commands, in order; raises an error among them."""
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
