"""The way to ClickHouse: its HTTP interface, one request for each statement, whose answer may be of any length.

A statement has a name of its own, `query_id`. Whatever ends a call before its answer has come kills the statement by
that name, for ClickHouse goes on with what its client has left.

Source: ClickHouse's documentation, "HTTP interface".
"""

import asyncio
import logging
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from uuid import uuid4

import aiohttp

from prism.backends.clickhouse.answer import STOPPED, Answer
from prism.backends.clickhouse.config import ClickHouseConfig
from prism.backends.clickhouse.errors import ServerError, Unreachable
from prism.context import Context
from prism.errors import DeadlineExceeded, Outcome
from prism.sdk.tls import client_context

log = logging.getLogger(__name__)
T = TypeVar("T")

ROWS: Final = "RowBinaryWithNamesAndTypes"
_KILLING: Final = 5.0
"""Seconds in which a statement that is given up must be killed."""
_KEPT_ALIVE: Final = 2.0
"""Seconds that a connection may wait for its next statement: ClickHouse closes it after 3, or 10 in later releases."""
_ERROR_BYTES: Final = 64 << 10


class Link:
    """Statements on the servers of one configuration, by one user.

    Args:
        config: where they are.
        username: of the user.
        password: of the user.
        database: that statements are about; empty where they name it.

    Attributes:
        zone: the server's time zone, as it last said.
        killed: statements that were given up.
        sends_settings: the user's profile lets settings be sent, unless set to False.
    """

    def __init__(
        self,
        config: ClickHouseConfig,
        username: str,
        password: str | None,
        database: str,
    ) -> None:
        self._config = config
        self._urls = [*config.urls]
        self._database = {"database": database} if database else {}
        self._headers = {"X-ClickHouse-User": username, "User-Agent": "prism"}
        if password is not None:
            self._headers["X-ClickHouse-Key"] = password
        self._session: aiohttp.ClientSession | None = None
        self._kills: set[asyncio.Task[None]] = set()
        self.zone = "UTC"
        self.killed = 0
        self.sends_settings = True

    def start(self) -> None:
        """Makes ready; the first statement dials.

        Raises:
            FailedPrecondition: a file of certificates cannot be used.
        """
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._config.connections, ssl=self._tls(), keepalive_timeout=_KEPT_ALIVE
            )
            timeout = aiohttp.ClientTimeout(sock_connect=self._config.connect_timeout, total=None)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, headers=self._headers, auto_decompress=False,
                skip_auto_headers=("Accept-Encoding", "Content-Type"),
            )  # fmt: skip

    async def stop(self) -> None:
        """Ends what runs, and closes every connection."""
        if self._kills:
            await asyncio.wait(self._kills, timeout=_KILLING)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def ask(
        self,
        statement: str,
        context: Context,
        *,
        params: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        data: bytes | None = None,
        writes: bool = False,
    ) -> AsyncIterator[Answer]:
        """Runs a statement; its answer is read within the block, and what is left of it then is killed.

        Args:
            statement: in ClickHouse's dialect.
            context: of the call, whose deadline counts.
            params: texts of its parameters, by name.
            settings: of this statement alone; nothing is sent where the user's profile allows none.
            data: what an INSERT inserts.
            writes: an error of the deadline has an outcome.

        Raises:
            ServerError: ClickHouse refuses it; as while the answer is read.
            Unreachable: no server answers.
            DeadlineExceeded: the deadline has passed.
        """
        identity = uuid4().hex
        seconds = self._seconds(context)
        until = asyncio.get_running_loop().time() + seconds
        query = {**self._database, "query_id": identity}
        query |= {f"param_{name}": text for name, text in (params or {}).items()}
        if self.sends_settings:
            query |= {"max_execution_time": str(max(1, math.ceil(seconds))), **(settings or {})}
        if data is not None:
            query["query"] = statement
        finished = False
        try:
            body = statement.encode() if data is None else data
            response = await self._in_time(until, self._sent(query, body, again=not writes))
            try:
                answer = await self._begun(response, until)
                yield answer
                finished = answer.ended
            finally:
                if not finished:
                    response.close()
        except (ServerError, Unreachable):
            finished = True
            raise
        except DeadlineExceeded as error:
            error.outcome = Outcome.UNKNOWN if writes else None
            raise
        finally:
            if not finished:
                self._kill(identity)

    async def run(
        self,
        statement: str,
        context: Context,
        *,
        params: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        data: bytes | None = None,
        writes: bool = False,
    ) -> Answer:
        """The same, with the whole answer, whose bytes are in `buffer`."""
        async with self.ask(statement, context, params=params, settings=settings, data=data, writes=writes) as answer:
            await answer.read_all()
        return answer

    def _seconds(self, context: Context) -> float:
        seconds = self._config.statement_timeout
        return seconds if context.deadline is None else min(seconds, max(context.deadline.remaining(), 0.001))

    async def _sent(self, query: Mapping[str, str], body: bytes, *, again: bool = True) -> aiohttp.ClientResponse:
        """The head of the answer, of the first server that a connection is made to.

        Args:
            query: arguments of the address.
            body: of the request.
            again: it may be sent a second time: the server may have closed the connection that it was sent on.
        """
        if self._session is None:
            raise Unreachable("the backend is stopped", sent=False)
        headers = {"X-ClickHouse-Format": ROWS}
        urls = self._urls  # another call may turn the list meanwhile
        for place, url in enumerate(urls):
            try:
                response = await self._session.post(f"{url}/", params=query, data=body, headers=headers)
            except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
                if place + 1 == len(urls):
                    raise Unreachable(_said(error), sent=False) from error
            except (aiohttp.ClientError, OSError) as error:
                if again:
                    return await self._sent(query, body, again=False)
                raise Unreachable(_said(error), sent=True) from error
            else:
                if place:
                    self._urls = [*urls[place:], *urls[:place]]
                return response
        raise AssertionError("the last server returns or raises")

    @staticmethod
    async def _in_time(until: float, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(until):
                return await work
        except TimeoutError as error:
            raise DeadlineExceeded(STOPPED) from error

    async def _begun(self, response: aiohttp.ClientResponse, until: float) -> Answer:
        code = response.headers.get("X-ClickHouse-Exception-Code")
        if response.status != 200 or code is not None:
            try:
                said = (await self._in_time(until, response.content.read(_ERROR_BYTES))).decode(errors="replace")
            except (aiohttp.ClientError, OSError) as error:
                raise Unreachable(_said(error), sent=True) from error
            finally:
                response.release()
            if code is None or not code.isdigit():
                raise Unreachable(f"HTTP {response.status}: {said.partition(chr(10))[0][:200]}", sent=True)
            raise ServerError(int(code), said)
        self.zone = response.headers.get("X-ClickHouse-Timezone", self.zone)
        return Answer(response, until)

    def _kill(self, identity: str) -> None:
        self.killed += 1
        self._kills.add(task := asyncio.create_task(self._killed(identity)))
        task.add_done_callback(self._kills.discard)

    async def _killed(self, identity: str) -> None:
        statement = f"KILL QUERY WHERE query_id = '{identity}' ASYNC"  # hexadecimal digits
        try:
            async with asyncio.timeout(_KILLING):
                response = await self._sent(self._database, statement.encode())
                async with response:
                    await response.read()
        except (TimeoutError, Unreachable, aiohttp.ClientError, OSError) as error:
            log.warning("a statement that was given up could not be killed in ClickHouse: %s", error)

    def _tls(self) -> ssl.SSLContext | bool:
        if not any(each.startswith("https:") for each in self._urls):
            return True
        context = client_context(self._config.ca, self._config.certificate, self._config.key)
        context.check_hostname = self._config.verify_hostname
        return context


def _said(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
