"""A connection to NATS for one purpose, which reconnects whenever it breaks."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress

from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.servers import Servers
from prism.backends.nats.session import NatsSession
from prism.errors import BackendUnavailable, Outcome, PrismError
from prism.sdk.driver_errors import LATER

log = logging.getLogger(__name__)

_FIRST_DELAY, _MAX_DELAY = 0.05, 5.0
_PROBE_SECONDS = 1.5


class Link:
    """Keeps one session open; while it reconnects, calls are refused at once.

    Attributes:
        breaks: how often it has broken.
    """

    def __init__(
        self,
        config: NatsConfig,
        credentials: NatsCredentials,
        servers: Servers,
        purpose: str,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            config: how to connect to NATS.
            credentials: who we are there.
            servers: where it is; shared with the gateway's other connections.
            purpose: what it is for, as NATS's monitoring shows it.
            on_lost: called when a session is lost.
        """
        self._config = config
        self._credentials = credentials
        self._servers = servers
        self._purpose = purpose
        self._on_lost = on_lost
        self._session: NatsSession | None = None
        self._failure: PrismError = BackendUnavailable("not connected to NATS yet")
        self._keeper: asyncio.Task[None] | None = None
        self.breaks = 0

    @property
    def up(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    def session(self) -> NatsSession:
        """The session.

        Raises:
            PrismError: there is none just now, and why; nothing has been sent.
        """
        if self._session is None or not self._session.usable:
            error = self._failure.clone()
            error.outcome = Outcome.NOT_APPLIED
            raise error
        return self._session

    async def start(self) -> None:
        """Connects; does nothing where it is connected. Raises as `NatsSession.open` does."""
        if self._keeper is None:
            self._session = await self._opened()
            self._keeper = asyncio.create_task(self._keep(self._session))

    async def probe(self) -> str:
        """What is wrong; empty where the server answers."""
        try:
            session = self.session()
            async with asyncio.timeout(_PROBE_SECONDS):
                await session.do(session.flush())
        except TimeoutError:
            return f"NATS has not answered for {_PROBE_SECONDS} s"
        except PrismError as error:
            return error.message
        return ""

    async def stop(self) -> None:
        """Ends it. May be called before `start`."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _keep(self, session: NatsSession) -> None:
        while True:
            await asyncio.wait((session.lost,))
            self.breaks += 1
            self._failure = BackendUnavailable("the connection to NATS broke; reconnecting", retry_after=LATER)
            self._session = None
            self._on_lost()
            await session.close()
            session = self._session = await self._again()
            log.info("connected to NATS again; calls are served again, and messages may have been missed")

    async def _opened(self) -> NatsSession:
        return await NatsSession.open(self._config, self._credentials, self._servers, self._purpose)

    async def _again(self) -> NatsSession:
        delay = _FIRST_DELAY
        while True:
            try:
                return await self._opened()
            except PrismError as error:
                self._failure = error
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # spreads load, guards nothing
            delay = min(2 * delay, _MAX_DELAY)
