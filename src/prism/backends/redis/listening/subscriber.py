"""Messages on their way from Redis: a connection to each server that is listened to, shared by all subscribers."""

import asyncio

import redis.exceptions as driver

from prism.backends.redis.config import RedisConfig
from prism.backends.redis.errors import translate
from prism.backends.redis.listening.channel import ChannelCommands, ChannelSubscription
from prism.backends.redis.listening.channel_locator import ChannelLocator
from prism.backends.redis.listening.subscriber_session import SubscriberSession
from prism.errors import BackendUnavailable, PrismError
from prism.interfaces.pubsub import Message
from prism.sdk import SubscriberBuffer
from prism.sdk.driver_errors import LATER

_HOPS = 3
_STOPPED = "the backend was stopped; subscribe again"


class Subscriber:
    """Listens. A connection is made for the first subscriber that needs it, and after a loss for the next one."""

    def __init__(self, locator: ChannelLocator, config: RedisConfig) -> None:
        self._locator = locator
        self._config = config
        self._sessions: dict[str, SubscriberSession] = {}
        self._opening: dict[str, asyncio.Task[SubscriberSession]] = {}
        self._buffers: set[SubscriberBuffer[Message]] = set()
        self._stopped = False

    @property
    def commands(self) -> ChannelCommands:
        """The commands of the channels."""
        return self._locator.commands

    def __len__(self) -> int:
        return len(self._buffers)

    async def join(self, channel: bytes, pattern: str) -> ChannelSubscription:
        """A subscriber begins; when this returns, Redis knows.

        Raises:
            PrismError: it cannot.
        """
        buffer: SubscriberBuffer[Message] = SubscriberBuffer(self._config.buffer_messages, self._config.buffer_bytes)
        listening = ChannelSubscription(channel, pattern, buffer)
        self._buffers.add(buffer)
        try:
            await self._join(listening)
        except BaseException:
            self.leave(listening)
            raise
        return listening

    def leave(self, listening: ChannelSubscription) -> None:
        """A subscriber ends; does nothing the second time."""
        self._buffers.discard(listening.buffer)
        listening.gone = True
        if listening.session is not None:
            listening.session.leave(listening)

    async def stay_with(self, address: tuple[str, int]) -> None:
        """Ends the sessions at other servers; their subscriptions end with an error."""
        for session in tuple(self._sessions.values()):
            if session.alive and not session.leads_to(address):
                await session.close()

    async def stop(self) -> None:
        """Ends all subscriptions and connections, and refuses what comes later."""
        self._stopped = True
        for buffer in self._buffers:
            buffer.end(BackendUnavailable(_STOPPED))
        opening = tuple(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        sessions, self._sessions = tuple(self._sessions.values()), {}
        await asyncio.gather(*(session.close() for session in sessions))

    async def _join(self, listening: ChannelSubscription) -> None:
        address = await self._locator.locate(listening.channel)
        for _ in range(_HOPS):
            session = await self._session(address)
            refusal = await session.join(listening)
            if refusal is None:
                return
            if not isinstance(refusal, driver.MovedError):
                raise translate(refusal, writes=False, sent=False) from refusal
            await self._locator.look_again()
            address = f"{refusal.host}:{refusal.port}"
        raise BackendUnavailable(
            "the nodes of the Redis cluster disagree on the owner of a namespace, as during a failover; retry",
            retry_after=LATER,
        )

    async def _session(self, address: str) -> SubscriberSession:
        if self._stopped:
            raise BackendUnavailable(_STOPPED)
        session = self._sessions.get(address)
        if session is not None and session.alive:
            return session
        opening = self._opening.get(address)
        if opening is None:
            opening = self._opening[address] = asyncio.get_running_loop().create_task(self._open(address))
            opening.add_done_callback(_seen)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():
                raise BackendUnavailable(_STOPPED) from None
            raise

    async def _open(self, address: str) -> SubscriberSession:
        try:
            session = await SubscriberSession.open(
                self._locator.connect(address),
                self._locator.commands,
                handshake_timeout=self._config.handshake_timeout,
                answer_timeout=self._config.command_timeout,
                interval=self._config.ping_interval,
            )
        except PrismError:
            await self._locator.look_again()
            raise
        finally:
            del self._opening[address]
        self._sessions[address] = session
        return session


def _seen(task: "asyncio.Task[SubscriberSession]") -> None:
    """Retrieves an error, also where no caller waits for it any more."""
    if not task.cancelled():
        task.exception()
