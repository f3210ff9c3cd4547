"""One connection to NATS, from its login to its loss; a lost one is replaced, never reconnected.

The driver's own reconnecting is off: it would publish again what its callers know as failed, and take up
subscriptions as if nothing had been missed. Its coroutines run in tasks of their own, for they swallow cancellations,
and a cancelled wait for a PONG stops the driver from reading.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self, TypeVar

from nats import errors
from nats.aio.client import Client, RawCredentials

from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.errors import PERMISSIONS, translate
from prism.backends.nats.servers import Servers
from prism.errors import BackendUnavailable
from prism.sdk.driver_errors import LATER
from prism.sdk.tls import client_context

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_CLOSE_TIMEOUT = 2.0
_ABORT_TIMEOUT = 0.1
"""For a connection that was never made: the driver waits without end for the close of a TLS that has not begun."""


class _Guarded(Client):
    """The driver's client, which logs in over TLS only, where TLS is configured: the driver alone accepts plaintext."""

    encrypted = False

    def _connect_command(self) -> bytes:
        if self.encrypted and not self._server_info.get("tls_required") and not self.options["tls_handshake_first"]:
            raise errors.SecureConnWantedError
        return super()._connect_command()


class _PartedError(BackendUnavailable):
    """The server has greeted and closed the connection, and nothing tells why."""


class NatsSession:
    """An open connection, until `lost` is set.

    Attributes:
        client: the driver's.
        lost: done when it is of no more use.
        on_overrun: called with the number of a subscription for which the driver had no room.
        on_denied: called with what the server says of a permission that is missing, in lower case.
    """

    def __init__(self, config: NatsConfig) -> None:
        self.client = _Guarded()
        self.client.encrypted = config.encrypted
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_overrun: Callable[[int], None] = lambda _number: None
        self.on_denied: list[Callable[[str], None]] = []
        self._config = config
        self._failure: Exception | None = None
        self._logged_in = False
        self._listening: list[list[str]] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, config: NatsConfig, credentials: NatsCredentials, servers: Servers, purpose: str) -> Self:
        """Connects with the first of `servers` that answers, and logs in; `purpose` is added to its name.

        Raises:
            BackendUnavailable: no server answers.
            BackendCredentials: it refuses the credentials, or they are malformed.
            FailedPrecondition: a file of the configuration is missing, or none of its kind.
        """
        try:
            return await cls._opened(config, credentials, servers, purpose)
        except _PartedError:  # what the server said is lost with the connection: it may be heard the second time
            return await cls._opened(config, credentials, servers, purpose)

    @classmethod
    async def _opened(cls, config: NatsConfig, credentials: NatsCredentials, servers: Servers, purpose: str) -> Self:
        session = cls(config)
        connecting = session.spawn(session._connect(credentials, servers, purpose))
        try:
            await asyncio.wait((connecting,), timeout=2 * config.connect_timeout)
            if not connecting.done():
                raise TimeoutError(f"NATS did not answer within {2 * config.connect_timeout:g} s")
            connecting.result()
        except (errors.Error, OSError, TimeoutError, ValueError) as error:
            parting = session._last_words() if isinstance(error, OSError) else None
            greeted = bool(session.client._server_info)
            await session.close(_ABORT_TIMEOUT)
            if parting is not None:
                raise translate(parting) from error
            if greeted and isinstance(error, ConnectionError):
                raise _PartedError(translate(error).message, retry_after=LATER) from error
            reason = session._failure if isinstance(error, errors.NoServersError) and session._failure else error
            raise translate(reason) from error
        except BaseException:
            await session.close(_ABORT_TIMEOUT)
            raise
        return session

    async def _connect(self, credentials: NatsCredentials, servers: Servers, purpose: str) -> None:
        config = self._config
        tls = client_context(config.ca, config.certificate, config.key) if config.encrypted else None
        secrets: dict[str, Any] = {
            "user": credentials.username,
            "password": credentials.password and credentials.password.get_secret_value(),
            "token": credentials.token and credentials.token.get_secret_value(),
            "nkeys_seed_str": credentials.nkey and credentials.nkey.get_secret_value(),
            "user_credentials": credentials.creds and RawCredentials(credentials.creds.get_secret_value()),
        }
        await self.client.connect(
            servers.order,
            dont_randomize=True,
            name=f"{config.name} {purpose}",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=config.connect_timeout,  # type: ignore[arg-type]  # it takes fractions
            ping_interval=config.ping_interval,  # type: ignore[arg-type]  # the same
            max_outstanding_pings=2,
            tls=tls,
            tls_hostname=config.tls_server_name,
            tls_handshake_first=config.tls_first,
            error_cb=self._on_error,
            closed_cb=self._on_closed,
            **secrets,
        )
        self._logged_in = True
        if self.client.connected_url is not None:
            servers.reached(self.client.connected_url.netloc)

    def _last_words(self) -> errors.Error | None:
        """What a server said that closed the connection before the driver came to read it.

        A stream that has failed gives nothing of what it has received, so this looks into its buffer.
        """
        reader = getattr(getattr(self.client, "_transport", None), "_io_reader", None)
        line = bytes(getattr(reader, "_buffer", b"")).partition(b"\r\n")[0]
        return errors.Error(f"nats: {line[4:].decode(errors='replace').strip()}") if line[:4] == b"-ERR" else None

    async def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of something that the driver does; a caller that gives up does not stop it.

        Raises:
            BackendUnavailable: the connection was lost meanwhile.
        """
        task = self.spawn(work)
        await asyncio.wait((task, self.lost), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            try:
                return task.result()
            except RuntimeError as error:  # uvloop's, where the driver writes to a socket that has just been closed
                self._lose()
                raise broke() from error
        task.cancel()
        raise broke()

    async def flush(self) -> None:
        """Returns when the server has taken in all that was sent before.

        Raises:
            BackendUnavailable: it does not confirm it in time; the session is lost then.
        """
        client = self.client
        try:
            # The driver writes a PING at once, but commands in its next turn: what is still pending goes first.
            await asyncio.sleep(0)
            while client.pending_data_size:
                await client.flush(self._config.answer_timeout)  # type: ignore[arg-type]  # it takes fractions
            await client.flush(self._config.answer_timeout)  # type: ignore[arg-type]
        except errors.Error as error:
            self._lose()
            raise translate(error) from error

    @contextlib.contextmanager
    def denials(self) -> Iterator[list[str]]:
        """The server's permission errors, in lower case: they arrive beside the answers, before its PONG."""
        denied: list[str] = []
        self._listening.append(denied)
        try:
            yield denied
        finally:
            self._listening = [each for each in self._listening if each is not denied]

    async def close(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Closes it in any state, after so many seconds by force."""
        self._lose()
        if tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=timeout)
        closing = self.spawn(self.client.close())
        await asyncio.wait((closing,), timeout=timeout)
        closing.cancel()

    @property
    def usable(self) -> bool:
        """Whether it can be used. One that the driver has closed, whether or not it said so, is lost from now on."""
        if self.client.is_closed:
            self._lose()
        return not self.lost.done()

    def _lose(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def spawn(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Something that the driver does, and no caller waits for; it ends with the session."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, also where no caller waits for it any more

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, errors.SlowConsumerError):
            self.on_overrun(error.sid)
        elif PERMISSIONS in (text := str(error).lower()):
            for each in self._listening:
                each.append(text)
            for tell in self.on_denied:
                tell(text)
        else:
            self._failure = error
            if self._logged_in and not self.lost.done():  # the driver may have closed itself before it says so
                log.warning(
                    "the connection to NATS broke: %s; calls fail until it is open again, which is retried",
                    str(error) or type(error).__name__,
                )
                self._lose()

    async def _on_closed(self) -> None:
        self._lose()


def broke() -> BackendUnavailable:
    """The connection was lost."""
    return BackendUnavailable("the connection to NATS broke; try again", retry_after=LATER)
