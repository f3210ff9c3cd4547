"""The way to the server: a few WebSockets that requests share, and sessions for what is several requests.

A request carries how long the server may work at it. A caller that goes away leaves its request to that time, as the
protocol has no word to end one. Nor does a server of 3.7 end a session before its connection ends, whatever is asked of
it: what is not committed is rolled back by a request, and the session serves the next transaction.

Source: Apache TinkerPop, "Provider Documentation", Graph Driver Provider Requirements.
"""

import asyncio
import logging
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from uuid import uuid4

import aiohttp
from gremlin_python.process.traversal import Bytecode

from prism.backends.gremlin.accounts import Accounts
from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.connection import Connection
from prism.backends.gremlin.errors import Refused, ServerError, Unreachable
from prism.backends.gremlin.messages import transaction
from prism.context import Context
from prism.errors import DeadlineExceeded, LimitExceeded, Outcome, PrismError
from prism.sdk.tls import client_context

log = logging.getLogger(__name__)
T = TypeVar("T")
Sent = Callable[[], None]

_BUSY: Final = 8
"""Requests under way on each connection, before another one is opened."""
_CLOSING: Final = 5.0
"""Seconds for the end of a transaction that was left, beyond its caller's time."""
_BATCH: Final = 256
"""Results in one page of an answer."""
_PROBE: Final = Bytecode()
_PROBE.add_step("inject", 0)


class Link:
    """Requests to the server of one configuration.

    Attributes:
        most: bytes of a request.
        given_up: requests that the server was still working at.
    """

    def __init__(self, config: GremlinConfig, credentials: GremlinCredentials) -> None:
        self._config = config
        self._accounts = Accounts(config, credentials)
        password = credentials.password
        self._login = (
            (credentials.username, password.get_secret_value())
            if config.login == "password" and credentials.username is not None and password is not None
            else None
        )
        self._client: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | bool = True
        self._connections: list[Connection] = []
        self._dialling: asyncio.Task[Connection] | None = None
        self._sessions: list[tuple[Connection, str]] = []
        # Neptune ends a session when it is asked to, and each that is ten minutes old.
        self._ends_sessions = config.region is not None or ".neptune." in config.url
        self._transactions = asyncio.Semaphore(config.transactions)
        self._closing: set[asyncio.Task[None]] = set()
        self.most = config.max_request
        self.given_up = 0

    @property
    def connections(self) -> int:
        """That are open."""
        return sum(each.usable for each in self._connections)

    def start(self) -> None:
        """Makes ready; the first request dials.

        Raises:
            FailedPrecondition: a file of certificates cannot be used.
        """
        if self._client is None:
            if self._config.url.startswith("wss:"):
                config = self._config
                self._tls = client_context(config.ca, config.certificate, config.key)
                self._tls.check_hostname = config.verify_hostname
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), headers={"User-Agent": "prism"}
            )

    async def stop(self) -> None:
        """Closes every connection, and with it what runs on it."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSING)
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
            await asyncio.wait([dialling])
            if not dialling.cancelled() and dialling.exception() is None:
                await dialling.result().close()
        connections, self._connections = self._connections, []
        self._sessions.clear()
        for each in connections:
            await each.close()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, code: Bytecode, context: Context, *, writes: bool) -> list[Any]:
        """Runs a traversal as a transaction of its own; its results.

        Raises:
            ServerError: the server refuses it.
            Unreachable: it does not answer. What only reads was asked twice then.
            Refused: it opens no WebSocket.
            DeadlineExceeded: the deadline has passed.
            LimitExceeded: the request is larger than it may be.
        """
        until = self.until(context)

        async def work(sent: Sent) -> list[Any]:
            connection = await self._connection()
            return await connection.ask("traversal", "bytecode", self.args(code, until), most=self.most, sent=sent)

        try:
            return await self.in_time(until, work, writes=writes)
        except Unreachable as error:
            if writes or not error.sent:
                raise
            return await self.in_time(until, work, writes=writes)

    @asynccontextmanager
    async def transaction(self, context: Context) -> AsyncIterator["Transaction"]:
        """A transaction of several requests, which its block commits; what is not committed is undone.

        Raises:
            ServerError: as `ask`; as within the block.
        """
        until = self.until(context)
        await self.in_time(until, lambda _: self._transactions.acquire(), writes=True)
        opened: Transaction | None = None
        try:
            opened = await self.in_time(until, lambda _: self._opened(until), writes=True)
            yield opened
        finally:
            if opened is None:
                self._transactions.release()
            else:
                self._closing.add(task := asyncio.create_task(self._end(opened)))
                task.add_done_callback(self._closing.discard)

    def args(self, code: Bytecode, until: float) -> dict[str, Any]:
        """Of a request that runs a traversal until then."""
        left = max(until - asyncio.get_running_loop().time(), 0.001)
        return {
            "gremlin": code,
            "aliases": {"g": self._config.source},
            "evaluationTimeout": math.ceil(left * 1000),
            "batchSize": _BATCH,
        }

    def until(self, context: Context) -> float:
        """When a call is over."""
        seconds = self._config.statement_timeout
        if context.deadline is not None:
            seconds = min(seconds, context.deadline.remaining())
        return asyncio.get_running_loop().time() + seconds

    async def in_time(self, until: float, work: Callable[[Sent], Awaitable[T]], *, writes: bool) -> T:
        """Waits for work no longer than that; `work` calls what it is given when what it asks for may be done."""
        out = False

        def sent() -> None:
            nonlocal out
            out = True

        try:
            async with asyncio.timeout_at(until):
                return await work(sent)
        except TimeoutError as error:
            self.given_up += out
            outcome = (Outcome.UNKNOWN if out else Outcome.NOT_APPLIED) if writes else None
            raise DeadlineExceeded(
                "the Gremlin server did not answer before the deadline; allow more time, or ask for less",
                outcome=outcome,
            ) from error
        except asyncio.CancelledError:
            self.given_up += out
            raise
        except OverflowError as error:
            raise LimitExceeded(
                f"the request takes {error} bytes of the server's protocol, over max_request; ask for less at once",
                outcome=Outcome.NOT_APPLIED if writes else None,
            ) from error

    async def _opened(self, until: float) -> "Transaction":
        while self._sessions:
            connection, name = self._sessions.pop()
            if connection.usable:
                return Transaction(self, connection, name, until)
        return Transaction(self, await self._connection(), str(uuid4()), until)

    async def _end(self, opened: "Transaction") -> None:
        try:
            async with asyncio.timeout_at(opened.over):
                if not opened.committed:
                    await opened.undo()
                if self._ends_sessions:
                    await opened.close()
                else:
                    self._sessions.append((opened.connection, opened.name))
        except (TimeoutError, Unreachable, ServerError) as error:
            if opened.connection.usable:  # else its sessions have ended with it
                log.warning("a transaction of the Gremlin server was left to its session's time-out: %s", error)
        finally:
            self._transactions.release()

    async def _connection(self) -> Connection:
        """The one that has least to do; another one is opened beside those that are busy, which no request waits for.

        It goes on where the caller that began it has gone: a server may take longer to let one in than a call may last.
        """
        best = self._best()
        if best is None:
            dialling = self._begin()
            await asyncio.wait([dialling])
            if dialling.cancelled():
                raise Unreachable("the backend is stopped", sent=False)
            try:
                best = dialling.result()
            except PrismError as error:  # one for each caller that waits
                raise error.clone() from error
        if best.load >= _BUSY and len(self._connections) < self._config.connections:
            self._begin()
        return best

    def _begin(self) -> "asyncio.Task[Connection]":
        if self._dialling is None:
            self._dialling = asyncio.create_task(self._dial())
            self._dialling.add_done_callback(self._dialled)
        return self._dialling

    def _dialled(self, done: "asyncio.Task[Connection]") -> None:
        if self._dialling is done:  # else `stop` has it
            self._dialling = None
            if not done.cancelled() and done.exception() is None:
                self._connections.append(done.result())

    def _best(self) -> Connection | None:
        self._connections = [each for each in self._connections if each.usable]
        return min(self._connections, key=lambda each: each.load, default=None)

    async def _dial(self) -> Connection:
        if self._client is None:
            raise Unreachable("the backend is stopped", sent=False)
        try:
            async with asyncio.timeout(self._config.connect_timeout):
                headers = await self._accounts.headers()
                socket = await self._client.ws_connect(
                    self._config.url, headers=headers, max_msg_size=0, heartbeat=self._config.keepalive, ssl=self._tls
                )
                connection = Connection(socket, self._login)
                try:
                    args = {"gremlin": _PROBE, "aliases": {"g": self._config.source}}
                    await connection.ask("traversal", "bytecode", args)
                except BaseException:
                    await connection.close()
                    raise
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error.status, error.message) from error
        except Unreachable as error:
            raise Unreachable(str(error), sent=False) from error
        except TimeoutError as error:
            raise Unreachable(f"no answer within {self._config.connect_timeout:g} s", sent=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(str(error).partition("\n")[0] or type(error).__name__, sent=False) from error
        return connection


class Transaction:
    """A transaction of several requests.

    Attributes:
        connection: that its session is bound to.
        name: of its session.
        committed: it stays.
    """

    def __init__(self, link: Link, connection: Connection, name: str, until: float) -> None:
        self.connection = connection
        self.name = name
        self.committed = False
        self._link = link
        self._until = until

    @property
    def over(self) -> float:
        """When what undoes it is to be through: its session does one thing after another."""
        return max(self._until, asyncio.get_running_loop().time()) + _CLOSING

    async def ask(self, code: Bytecode) -> list[Any]:
        """Runs a traversal; its results. Nothing stays before `commit`, whatever it fails with."""
        try:
            return await self._link.in_time(self._until, lambda _: self._run(code, self._until), writes=True)
        except Unreachable as error:
            raise Unreachable(str(error), sent=False) from error
        except ServerError as error:
            error.undone = True
            raise

    async def commit(self) -> None:
        """Makes it stay."""
        code = transaction("commit")
        await self._link.in_time(self._until, lambda sent: self._run(code, self._until, sent), writes=True)
        self.committed = True

    async def undo(self) -> None:
        """Rolls back what is not committed, behind what still runs of it."""
        await self._run(transaction("rollback"), self.over)

    async def close(self) -> None:
        """Ends its session."""
        await self.connection.ask("session", "close", {"session": self.name})

    async def _run(self, code: Bytecode, until: float, sent: Sent = lambda: None) -> list[Any]:
        args = {**self._link.args(code, until), "session": self.name, "manageTransaction": False}
        return await self.connection.ask("session", "bytecode", args, most=self._link.most, sent=sent)
