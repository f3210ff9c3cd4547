"""One WebSocket that many requests share, beside a server that answers as a test says."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

pytest.importorskip("gremlin_python")

from gremlin_python.process.traversal import Bytecode
from gremlin_python.statics import long
from gremlin_python.structure.io import graphbinaryV1

from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.connection import PAGES, _Answer
from prism.backends.gremlin.errors import ServerError, Unreachable
from prism.backends.gremlin.link import Link
from prism.context import Context
from prism.errors import DeadlineExceeded, Outcome
from prism.sdk import Deadline

Answering = Callable[[web.WebSocketResponse, bytes, bytes], Awaitable[None]]
HERE = Context("n")
_HEAD = 1 + 32 + 1
_ACCOUNTS = {
    "none": {},
    "password": {"username": "u", "password": "p"},
    "aws": {"access_key_id": "a", "secret_access_key": "s"},
}


def answer(identity: bytes, code: int, *results: int, said: str = "") -> bytes:
    """A response."""
    writer = graphbinaryV1.GraphBinaryWriter()
    data = bytes(writer.write_object([long(each) for each in results]))
    text = b"\0" + len(said).to_bytes(4, "big") + said.encode()
    nothing = (0).to_bytes(4, "big")
    return b"\x81\0" + identity + code.to_bytes(4, "big") + text + nothing + nothing + data


def asks(number: int) -> Bytecode:
    """A traversal that a server of these tests knows by its number."""
    code = Bytecode()
    code.add_step("inject", f"question {number};")
    return code


def number_of(message: bytes) -> int | None:
    """The number of a traversal; None of what a connection begins with."""
    _, found, rest = message.partition(b"question ")
    return int(rest.partition(b";")[0]) if found else None


async def at_once() -> bool:
    """Opens a WebSocket."""
    return True


@asynccontextmanager
async def served(
    answering: Answering, login: str = "none", opening: Callable[[], Awaitable[bool]] = at_once, **options: object
) -> AsyncIterator[Link]:
    """A way to a server: `answering` has its end, the id of a request and the request; `opening` may refuse."""
    there: set[web.WebSocketResponse] = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        if not await opening():
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        there.add(socket)
        async for message in socket:
            identity = message.data[_HEAD : _HEAD + 16]
            if number_of(message.data) is None and login != "password" and b"session" not in message.data:
                await socket.send_bytes(answer(identity, 200))
            else:
                await answering(socket, identity, message.data)
        return socket

    app = web.Application()
    app.router.add_get("/gremlin", handle)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}/gremlin"
    config = GremlinConfig.model_validate({"url": url, "login": login, "connections": 1, **options})
    link = Link(config, GremlinCredentials.model_validate(_ACCOUNTS[login]))
    link.start()
    try:
        async with asyncio.timeout(60):
            yield link
    finally:
        await link.stop()
        for each in there:
            await each.close()
        await runner.cleanup()


async def test_answers_find_their_requests() -> None:
    """Pages of two answers that come in turn, the later request's first, and one that no request waits for."""
    waiting: list[bytes] = []

    async def answering(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        waiting.append(identity)
        if len(waiting) == 2:
            first, second = waiting
            for each in (
                answer(second, 206, 20), answer(first, 206, 10), answer(b"\x07" * 16, 200, 7), answer(second, 206, 21),
                answer(first, 200, 11), answer(second, 204),
            ):  # fmt: skip
                await socket.send_bytes(each)

    async with served(answering) as link:
        both = [link.ask(asks(each), HERE, writes=False) for each in (1, 2)]
        assert await asyncio.gather(*both) == [[10, 11], [20, 21]]


async def test_an_error_ends_its_own_request() -> None:
    """A request that fails leaves the connection to the others."""

    async def answering(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        broken = number_of(message) == 1
        await socket.send_bytes(answer(identity, 500, said="no") if broken else answer(identity, 200, 2))

    async with served(answering) as link:
        with pytest.raises(ServerError, match="500: no"):
            await link.ask(asks(1), HERE, writes=True)
        assert await link.ask(asks(2), HERE, writes=True) == [2]
        assert link.connections == 1


@pytest.mark.parametrize("writes", [False, True])
async def test_a_connection_that_ends(writes: bool) -> None:
    """What only reads is asked again on another one; a write may have arrived, and says so."""
    seen = 0

    async def answering(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            await socket.send_bytes(answer(identity, 206, 1))
            await socket.close()
        else:
            await socket.send_bytes(answer(identity, 200, 2))

    async with served(answering) as link:
        if writes:
            with pytest.raises(Unreachable) as caught:
                await link.ask(asks(1), HERE, writes=True)
            assert caught.value.sent
            assert seen == 1
        else:
            assert await link.ask(asks(1), HERE, writes=False) == [2]
            assert seen == 2


async def test_a_deadline_and_what_comes_after_it() -> None:
    """A call ends with its deadline, which the request carries; what the server says later is dropped."""
    late: list[bytes] = []

    async def answering(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        assert b"evaluationTimeout" in message
        if number_of(message) == 1:
            late.append(answer(identity, 200, 1))
        else:
            await socket.send_bytes(late[0])
            await socket.send_bytes(answer(identity, 200, 2))

    async with served(answering) as link:
        with pytest.raises(DeadlineExceeded) as caught:
            await link.ask(asks(1), Context("n", Deadline.after(0.05)), writes=True)
        assert caught.value.outcome is Outcome.UNKNOWN
        assert link.given_up == 1
        assert await link.ask(asks(2), HERE, writes=True) == [2]


async def test_a_login() -> None:
    """A server that asks gets user and password once for a connection, in the words of SASL PLAIN."""
    said: list[bytes] = []

    async def answering(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        if b"authentication" in message:
            said.append(base64.b64decode(message[message.index(b"sasl") + 4 + 6 :]))
            await socket.send_bytes(answer(identity, 200))
        elif not said:
            await socket.send_bytes(answer(identity, 407))
        else:
            await socket.send_bytes(answer(identity, 200, 1))

    async with served(answering, login="password") as link:
        assert await link.ask(asks(1), HERE, writes=False) == [1]
        assert await link.ask(asks(2), HERE, writes=False) == [1]
    assert said == [b"\0u\0p"]


async def test_pages_wait_for_their_reader() -> None:
    """No more than a few pages are kept for a reader that is slow; one that has gone holds up nothing."""
    answer = _Answer()
    for each in range(PAGES):
        await answer.put(b"%d" % each)
    more = asyncio.create_task(answer.put(b"more"))
    await asyncio.sleep(0)
    assert not more.done()
    assert await answer.get() == b"0"
    await more
    stuck = asyncio.create_task(answer.put(b"and more"))
    await asyncio.sleep(0)
    assert not stuck.done()
    answer.leave()
    await stuck


async def test_no_server() -> None:
    """Where none listens, the request was sent nowhere."""
    link = Link(GremlinConfig(url="ws://127.0.0.1:1/gremlin"), GremlinCredentials())
    link.start()
    try:
        with pytest.raises(Unreachable) as caught:
            await link.ask(asks(1), HERE, writes=True)
        assert not caught.value.sent
    finally:
        await link.stop()
    assert aiohttp  # the session is closed with the link
