"""One WebSocket, which many requests share: each response is brought to the request whose id it has.

Who takes the pages of an answer slowly holds the connection, so that no more than a few pages of it wait here; the
server then waits as well. Callers read whole answers at once.
"""

import asyncio
import base64
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID, uuid4

import aiohttp

from prism.backends.gremlin import messages
from prism.backends.gremlin.errors import ServerError, Unreachable

PAGES: Final = 8
"""Pages of one answer that wait to be read."""
_TOO_BIG: Final = 1009


class _Answer:
    """The pages of an answer that have come and are not read yet."""

    def __init__(self) -> None:
        self._pages: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._left = False
        self._lost: Unreachable | None = None

    async def put(self, page: bytes) -> None:
        """Keeps a page; waits where too many are kept."""
        while len(self._pages) >= PAGES and not self._left:
            await self._wait()
        self._pages.append(page)
        self._changed.set()

    async def get(self) -> bytes:
        """The next page."""
        while not self._pages:
            if self._lost is not None:
                raise self._lost
            await self._wait()
        page = self._pages.popleft()
        self._changed.set()
        return page

    def leave(self) -> None:
        """No more pages are read."""
        self._left = True
        self._changed.set()

    def lose(self, error: Unreachable) -> None:
        """No more pages come."""
        self._lost = error
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Connection:
    """One WebSocket.

    Args:
        socket: that is open.
        login: user and password for a server that asks; None for none.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, login: tuple[str, str] | None) -> None:
        self._socket = socket
        opened = socket._response.connection
        self._transport = opened.transport if opened is not None else None
        self._login = login
        self._answers: dict[bytes, _Answer] = {}
        self._lost: Unreachable | None = None
        self._reader = asyncio.create_task(self._read())

    @property
    def usable(self) -> bool:
        """Requests may be sent."""
        return self._lost is None and not self._socket.closed

    @property
    def load(self) -> int:
        """Requests under way."""
        return len(self._answers)

    async def ask(
        self,
        processor: str,
        op: str,
        args: Mapping[str, Any],
        *,
        most: int | None = None,
        sent: Callable[[], None] = lambda: None,
    ) -> list[Any]:
        """Sends a request; all that its answer brings.

        Args:
            processor: of the server.
            op: what it is to do.
            args: of the request.
            most: bytes of the request.
            sent: called when the request may have gone out.

        Raises:
            ServerError: the server refuses it.
            Unreachable: the connection is lost.
            OverflowError: the request has more bytes.
        """
        identity = uuid4()
        message = messages.request(identity, processor, op, args)
        if most is not None and len(message) > most:
            raise OverflowError(len(message))
        answer = self._answers[identity.bytes] = _Answer()
        results: list[Any] = []
        try:
            await self._send(message, sent)
            while True:
                page = messages.page(await answer.get())
                if page.code == messages.CHALLENGE:
                    await self._authenticate(identity)
                elif page.code in messages.DONE or page.code == messages.MORE:
                    results += page.results
                    if page.code != messages.MORE:
                        return results
                else:
                    raise ServerError(page.code, page.said, page.classes)
        finally:
            answer.leave()
            del self._answers[identity.bytes]

    async def close(self) -> None:
        """Ends it, and every request under way."""
        self._lose(Unreachable("the backend is stopped", sent=True))
        self._reader.cancel()
        await asyncio.wait([self._reader])
        await self._end()

    async def _send(self, message: bytes, sent: Callable[[], None]) -> None:
        if not self.usable:
            raise Unreachable("the connection is closed", sent=False)
        sent()
        try:
            await self._socket.send_bytes(message)
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(_said(error), sent=True) from error

    async def _authenticate(self, identity: UUID) -> None:
        if self._login is None:
            raise ServerError(401, "the server asks for username and password; give them, and `login: password`")
        user, password = self._login
        sasl = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        await self._send(messages.request(identity, "traversal", "authentication", {"sasl": sasl}), lambda: None)

    async def _read(self) -> None:
        said = "the server closed it"
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    answer = self._answers.get(messages.about(message.data))
                    if answer is not None:  # else its caller has gone
                        await answer.put(message.data)
            if self._socket.close_code == _TOO_BIG:
                said = "a request was larger than the server takes: raise its maxContentLength, or lower max_request"
            elif (error := self._socket.exception()) is not None:
                said = _said(error)
        except (aiohttp.ClientError, OSError) as error:
            said = _said(error)
        self._lose(Unreachable(said, sent=True))
        await self._end()

    async def _end(self) -> None:
        """Closes the WebSocket, and its connection at once: TLS would wait for the server's farewell."""
        try:
            await self._socket.close()
        finally:
            if self._transport is not None:
                self._transport.abort()

    def _lose(self, error: Unreachable) -> None:
        self._lost = self._lost or error
        for answer in self._answers.values():
            answer.lose(error)


def _said(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
