"""Redis as the interfaces use it: commands in, answers out, in the same order.

One server is spoken to over connections of our own, because who sends knows what was sent: that makes a failed write's
outcome honest. For a cluster see cluster.py.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import redis.exceptions as driver
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import Sentinel

from prism.backends.redis.commands.connect import Connect
from prism.backends.redis.commands.pool import Answer, Command, Pool, exchange
from prism.backends.redis.data.scripts import whole
from prism.backends.redis.errors import asks_for_another_server, translate
from prism.sdk.task_timeouts import TaskTimeouts
from prism.sdk.turns import Turns

__all__ = ["PROBES", "Answer", "Command", "OneServer", "Server"]

PROBES: Final = "?"
"""Has turns for what is asked of the server itself; no namespace has this name."""


class Server(Protocol):
    """Redis, alone or many."""

    @property
    def spans_slots(self) -> bool:
        """Whether a command may name keys of several records."""
        ...

    @property
    def open(self) -> int:
        """Connections there are."""
        ...

    @property
    def idle(self) -> int:
        """Those that are not in use."""
        ...

    async def run(self, commands: Sequence[Command], *, writes: bool, namespace: str = "") -> list[Answer]:
        """The answers to the commands, in order; what Redis refuses is a PrismError in its place.

        Namespaces have connections in turns. What is not of one, such as a batch of calls of many, is as one more.

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
    """One server, or the primary that sentinels name."""

    spans_slots = True

    def __init__(
        self,
        connect: Connect,
        sentinel: Sentinel | None,
        *,
        max_connections: int,
        timeout: float,
        handshake_timeout: float,
    ) -> None:
        """
        Args:
            connect: makes connections.
            sentinel: what knows the sentinels, where there are any.
            max_connections: connections at once.
            timeout: seconds for one exchange.
            handshake_timeout: seconds in which a new connection must be ready.
        """
        self._connect = connect
        self._handshake_timeout = handshake_timeout
        self._pool = Pool(connect, handshake_timeout=handshake_timeout)
        self._sentinel = sentinel
        self._timeout = timeout
        self._timeouts = TaskTimeouts()
        self._places = Turns(max_connections)

    @property
    def open(self) -> int:
        """See Server."""
        return self._pool.open

    @property
    def idle(self) -> int:
        """See Server."""
        return self._pool.idle

    async def run(self, commands: Sequence[Command], *, writes: bool, namespace: str = "") -> list[Answer]:
        """See Server."""
        await self._places.take(namespace)
        try:
            pool = self._pool
            try:
                connection = await pool.take()
            except (driver.RedisError, OSError, TimeoutError) as error:
                raise translate(error, writes=writes, sent=False) from error
            try:
                with self._timeouts.within(self._timeout):
                    answers = await exchange(connection, commands)
                    await _repeat_unknown_scripts(connection, commands, answers)
            except (driver.RedisError, OSError, TimeoutError) as error:
                await pool.drop(connection)
                await pool.drop_idle()  # what has ended one has hardly left the others
                raise translate(error, writes=writes, sent=True) from error
            except BaseException:
                await pool.drop(connection)
                raise
            if any(asks_for_another_server(answer) for answer in answers):
                await pool.drop(connection)
                await pool.drop_idle()
            else:
                await pool.give_back(connection)
        finally:
            self._places.give_back()
        return [_understood(answer, writes=writes) for answer in answers]

    async def stay_with(self, address: tuple[str, int]) -> None:
        """Closes the connections to any other server; calls in flight are answered first."""
        if self._pool.leads_elsewhere(address) and not self._pool.closed:
            left, self._pool = self._pool, Pool(self._connect, handshake_timeout=self._handshake_timeout)
            await left.close()

    async def everywhere(self, command: Command) -> list[Answer]:
        """See Server."""
        return await self.run([command], writes=False, namespace=PROBES)

    async def close(self) -> None:
        """See Server. What is still under way closes its own when it is answered."""
        await self._pool.close()
        for sentinel in self._sentinel.sentinels if self._sentinel else ():
            await sentinel.aclose()


async def _repeat_unknown_scripts(
    connection: AbstractConnection, commands: Sequence[Command], answers: list[Answer]
) -> None:
    """Scripts that the server did not know have changed nothing: they are sent again, whole."""
    unknown = [index for index, answer in enumerate(answers) if isinstance(answer, driver.NoScriptError)]
    if unknown:
        again = await exchange(connection, [whole(commands[index]) for index in unknown])
        for index, answer in zip(unknown, again, strict=True):
            answers[index] = answer


def _understood(answer: Answer, *, writes: bool) -> Answer:
    if not isinstance(answer, Exception):
        return answer
    error = translate(answer, writes=writes, sent=False)
    error.__cause__ = answer
    return error
