"""One connection that listens, from its login to its loss; a lost one is replaced, never reconnected.

The driver's own subscriptions are not used: they are taken up again after a loss as if nothing had been missed. The
connection speaks RESP3, in which a server that is listened to may still be asked what it is: one that became a replica
hears what is published elsewhere by way of its primary at best.
"""

import asyncio
import logging
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import redis.exceptions as driver
from redis.asyncio.connection import AbstractConnection
from redis.crc import key_slot

from prism.backends.redis.commands.parsers import Push
from prism.backends.redis.errors import translate
from prism.backends.redis.listening.channel import Channel, ChannelCommands, ChannelSubscription
from prism.errors import BackendUnavailable, MessagesLost, PrismError
from prism.sdk.driver_errors import LATER

log = logging.getLogger(__name__)

_LOST = (driver.RedisError, OSError, TimeoutError, PrismError)
_ANSWERS = (driver.ResponseError, driver.BusyLoadingError, driver.AuthenticationError)
_ROLE = b"ROLE"
_PRIMARY = b"master"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command that is not answered yet; the server answers in order."""

    command: tuple[bytes, ...]
    answer: "asyncio.Future[Any]"
    listening: ChannelSubscription | None = None


class SubscriberSession:
    """A connection that stands as long as it is `alive`; then each of its subscriptions has ended with a `GAP`."""

    def __init__(
        self, connection: AbstractConnection, commands: ChannelCommands, *, answer_timeout: float, interval: float
    ) -> None:
        """
        Args:
            connection: open.
            commands: the kind of channels.
            answer_timeout: seconds in which an answer must come.
            interval: seconds between two questions whether the server is still the right one.
        """
        self._connection = connection
        self._commands = commands
        self._patience = answer_timeout
        self._interval = interval
        self._channels: dict[bytes, Channel] = {}
        self._asked: deque[_Asked] = deque()
        self._outbox: list[tuple[bytes, ...]] = []
        self._wake = asyncio.Event()
        self._failure: PrismError | None = None
        self._task = asyncio.get_running_loop().create_task(self._live())

    @classmethod
    async def open(
        cls,
        connection: AbstractConnection,
        commands: ChannelCommands,
        *,
        handshake_timeout: float,
        answer_timeout: float,
        interval: float,
    ) -> Self:
        """Connects and logs in, within `handshake_timeout` seconds.

        Raises:
            BackendUnavailable: the server does not answer, or is a replica.
            BackendCredentials: it refuses the credentials.
        """
        try:
            async with asyncio.timeout(handshake_timeout):
                await connection.connect()  # type: ignore[no-untyped-call]  # of the driver
        except (driver.RedisError, OSError, TimeoutError) as error:
            await _disconnect(connection)
            raise translate(error, writes=False, sent=False) from error
        except BaseException:
            await _disconnect(connection)
            raise
        session = cls(connection, commands, answer_timeout=answer_timeout, interval=interval)
        try:
            await session._check()
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def alive(self) -> bool:
        """Whether it may be used."""
        return self._failure is None

    def leads_to(self, address: tuple[str, int]) -> bool:
        """Whether that is the server that is listened to."""
        return (getattr(self._connection, "host", None), getattr(self._connection, "port", None)) == address

    def __len__(self) -> int:
        return sum(map(len, self._channels.values()))

    async def join(self, listening: ChannelSubscription) -> Exception | None:
        """A subscriber begins; when this returns, no later message is missed. What the server refused it with, if so.

        Raises:
            PrismError: the connection was lost.
        """
        listening.session = self
        self._channels.setdefault(listening.channel, Channel(listening.channel)).joining += 1
        refusal = await self._answer(self._ask(self._commands.subscribe, listening.channel, listening=listening))
        return refusal if isinstance(refusal, Exception) else None

    def leave(self, listening: ChannelSubscription) -> None:
        """A subscriber ends; does nothing the second time."""
        listening.gone = True
        channel = self._channels.get(listening.channel)
        if listening.place is not None and channel is not None:
            channel.leave(listening)
            self._tidy(channel)

    async def close(self) -> None:
        """Ends it, and with it what listens."""
        self._lose(BackendUnavailable("the connection was closed; subscribe again"))
        await asyncio.wait((self._task,))

    def _ask(self, *command: bytes, listening: ChannelSubscription | None = None) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            answer.set_result(self._failure)
            return answer
        self._asked.append(_Asked(command, answer, listening))
        self._outbox.append(command)
        self._wake.set()
        return answer

    async def _answer(self, answer: "asyncio.Future[Any]") -> Any:
        """What the server says; a caller that gives up takes nothing with it."""
        try:
            async with asyncio.timeout(self._patience):
                found = await asyncio.shield(answer)
        except TimeoutError as error:
            self._lose(error)
            found = self._failure
        if isinstance(found, PrismError):
            raise found.clone()
        return found

    async def _check(self) -> None:
        """Passes where the server answers and is a primary; a user who may not ask that is content with an answer."""
        role = await self._answer(self._ask(_ROLE))
        if isinstance(role, list) and role and role[0] != _PRIMARY:
            raise BackendUnavailable(
                "this Redis is a replica, perhaps after a failover; retry, the primary is looked for", retry_after=LATER
            )

    async def _live(self) -> None:
        works = [asyncio.ensure_future(work()) for work in (self._read, self._write, self._watch)]
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            ended = next(work for work in works if work.done())
            error = ended.exception()
            self._lose(error if isinstance(error, Exception) else RuntimeError("a task of it has ended"))
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            await _disconnect(self._connection, at_once=False)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            commands, self._outbox = self._outbox, []
            await self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self._check()

    async def _read(self) -> None:
        while True:
            try:
                found = await self._connection.read_response(
                    timeout=math.inf, push_request=True, disconnect_on_error=False
                )
            except _ANSWERS as error:
                found = error
            if not self.alive:
                return
            if isinstance(found, tuple):
                self._pushed(found)
            else:
                self._answered(found)

    def _answered(self, answer: Any) -> None:
        if self._was_answered_before(answer):
            return
        asked = self._asked.popleft()
        if asked.listening is not None:
            self._placed(asked.listening, confirmed=False)
        if not asked.answer.done():
            asked.answer.set_result(answer)

    def _was_answered_before(self, answer: Any) -> bool:
        """Whether Redis refuses to end what it had just ended by itself, which was taken for the answer."""
        if not isinstance(answer, driver.MovedError):
            return False
        _, *channel = self._asked[0].command if self._asked else (b"",)
        return not channel or key_slot(channel[0]) != answer.slot_id

    def _pushed(self, push: Push) -> None:
        kind, channel = push[0], push[1]
        if kind == self._commands.message:
            if channel in self._channels:  # else the last listener has left, and this was still under way
                self._channels[channel].deliver(push[2])
            return
        head = self._asked[0].command if self._asked else ()
        if head == (kind.upper(), channel):
            asked = self._asked.popleft()
            if asked.listening is not None:
                self._placed(asked.listening, confirmed=True)
            if not asked.answer.done():
                asked.answer.set_result(None)
        elif kind.upper() == self._commands.unsubscribe:
            self._moved(channel)

    def _placed(self, listening: ChannelSubscription, *, confirmed: bool) -> None:
        """The server has answered a subscription: what it sends from here on was published after that."""
        channel = self._channels[listening.channel]
        channel.joining -= 1
        if confirmed and not listening.gone:
            channel.join(listening)
        self._tidy(channel)

    def _tidy(self, channel: Channel) -> None:
        if channel.deserted:
            del self._channels[channel.name]
            self._ask(self._commands.unsubscribe, channel.name)

    def _moved(self, name: bytes) -> None:
        """The server ended a subscription by itself: the channel's slot has gone to another node."""
        channel = self._channels.get(name)
        if channel is not None:
            lost = MessagesLost(
                "the namespace moved to another node of the Redis cluster and messages may have been missed; "
                "subscribe again"
            )
            channel.end(lost)
            if channel.deserted:
                del self._channels[name]

    def _lose(self, error: Exception) -> None:
        """Nothing follows. The first call counts."""
        if self._failure is not None:
            return
        if not isinstance(error, _LOST):
            log.error(
                "listening to Redis failed with an unexpected error; subscriptions end, and may have missed messages; "
                "this is a defect in Prism: report it with the traceback below",
                exc_info=error,
            )
        self._failure = translate(error, writes=False, sent=True)
        lost = MessagesLost(
            f"listening to Redis was interrupted and messages may have been missed; subscribe again "
            f"({self._failure.message})"
        )
        for channel in self._channels.values():
            channel.end(lost)
        self._channels = {}
        for asked in self._asked:
            if not asked.answer.done():
                asked.answer.set_result(self._failure)
        self._asked.clear()
        if asyncio.current_task() is not self._task:
            self._task.cancel()


async def _disconnect(connection: AbstractConnection, *, at_once: bool = True) -> None:
    with suppress(driver.RedisError, OSError, TimeoutError):
        await connection.disconnect(nowait=at_once)
