"""Transactions and connections of the way to a server, beside one that answers as a test says."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

pytest.importorskip("gremlin_python")

from backends.gremlin.test_gremlin_connection import HERE, answer, asks, number_of, served
from prism.backends.gremlin.accounts import Accounts
from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.errors import ServerError, Unreachable, translate
from prism.backends.gremlin.link import Link, Transaction
from prism.context import Context
from prism.errors import BackendCredentials, DeadlineExceeded, LimitExceeded, Outcome
from prism.sdk import Deadline


class Sessions:
    """A server of sessions; a test hears what each is asked for.

    Attributes:
        asked: name of the session, and what.
        heard: `rollback` or `close` has come.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.heard = asyncio.Event()

    async def __call__(self, socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        what = next((each for each in ("commit", "rollback", "close") if each.encode() in message), "other")
        name = message.rpartition(b"session")[2][6:42].decode()
        self.asked.append((name, what))
        await socket.send_bytes(answer(identity, 200, 1))
        if what in ("rollback", "close"):
            self.heard.set()

    @property
    def kinds(self) -> list[str]:
        """What was asked for."""
        return [what for _, what in self.asked]


async def begin(link: Link, begun: asyncio.Event) -> None:
    """A transaction whose caller is slow."""
    async with link.transaction(HERE) as opened:
        await opened.ask(asks(1))
        begun.set()
        await asyncio.Event().wait()


async def whole(link: Link) -> None:
    """A transaction that is committed."""
    async with link.transaction(HERE) as opened:
        await opened.ask(asks(1))
        await opened.commit()


async def test_a_transaction_that_is_left() -> None:
    """What its caller left is rolled back; its session, and one that was committed, serve the next."""
    server, begun = Sessions(), asyncio.Event()
    async with served(server, transactions=1) as link:
        caller = asyncio.create_task(begin(link, begun))
        await begun.wait()
        caller.cancel()
        await asyncio.wait([caller])
        await server.heard.wait()
        await whole(link)
        await whole(link)
    assert server.kinds == ["other", "rollback", "other", "commit", "other", "commit"]
    assert len({name for name, _ in server.asked}) == 1


async def test_sessions_of_neptune_end() -> None:
    """Neptune ends a session after ten minutes: each transaction has one of its own there."""
    server = Sessions()
    async with served(server, "aws", region="eu-west-1", transactions=1) as link:
        await whole(link)
        await whole(link)
    assert server.kinds == ["other", "commit", "close"] * 2
    assert len({name for name, _ in server.asked}) == 2


async def test_no_session_is_free() -> None:
    """A caller waits for one as long as its deadline allows, and nothing was applied."""
    server, begun = Sessions(), asyncio.Event()
    async with served(server, transactions=1) as link:
        caller = asyncio.create_task(begin(link, begun))
        await begun.wait()
        with pytest.raises(DeadlineExceeded) as caught:
            async with link.transaction(Context("n", Deadline.after(0.05))):
                pass
        assert caught.value.outcome is Outcome.NOT_APPLIED
        caller.cancel()
        await asyncio.wait([caller])
        await whole(link)


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "stopped"])
@pytest.mark.parametrize("at", ["other", "commit"])
async def test_a_transaction_that_fails(at: str, lost: bool) -> None:
    """An answer that is lost, and a time-out of the server: before the commit nothing was applied, at it that is not
    known."""

    async def answering(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        if (b"commit" in message) != (at == "commit"):
            await socket.send_bytes(answer(identity, 200))
        elif lost:
            await socket.close()
        else:
            await socket.send_bytes(answer(identity, 598, said="A timeout occurred"))

    async with served(answering) as link:
        with pytest.raises(Unreachable if lost else ServerError) as caught:
            await whole(link)
    outcome = Outcome.UNKNOWN if at == "commit" else Outcome.NOT_APPLIED
    assert translate(caught.value, writes=True).outcome is outcome


async def test_a_request_that_is_too_large() -> None:
    """One over max_request is not sent, in a transaction or alone; the connection serves on."""
    server = Sessions()
    large = asks(1)
    large.add_step("inject", "x" * (1 << 16))
    async with served(server, max_request=1 << 16) as link:
        with pytest.raises(LimitExceeded) as alone:
            await link.ask(large, HERE, writes=True)

        async def within(opened: Transaction) -> None:
            await opened.ask(asks(1))
            await opened.ask(large)

        with pytest.raises(LimitExceeded) as inside:
            async with link.transaction(HERE) as opened:
                await within(opened)
        await server.heard.wait()
        assert (alone.value.outcome, inside.value.outcome) == (Outcome.NOT_APPLIED, Outcome.NOT_APPLIED)
        assert server.kinds == ["other", "rollback"]
        assert link.connections == 1


async def test_a_server_that_lets_in_slowly() -> None:
    """A connection goes on being opened where the caller that began it has gone: the next one has it."""
    open_now, times = asyncio.Event(), 0

    async def opening() -> bool:
        nonlocal times
        times += 1
        return await open_now.wait()

    async with served(_one, opening=opening) as link:
        for _ in range(2):
            with pytest.raises(DeadlineExceeded) as caught:
                await link.ask(asks(1), Context("n", Deadline.after(0.05)), writes=True)
            assert caught.value.outcome is Outcome.NOT_APPLIED
        open_now.set()
        assert await link.ask(asks(1), HERE, writes=False) == [1]
    assert times == 1


async def test_stopped_while_it_is_let_in() -> None:
    """Who waits for a connection is refused when the backend stops."""
    came = asyncio.Event()

    async def opening() -> bool:
        came.set()
        return not await asyncio.sleep(0.05)

    async with served(_one, opening=opening) as link:
        caller = asyncio.create_task(link.ask(asks(1), HERE, writes=True))
        await came.wait()
        await link.stop()
        with pytest.raises(Unreachable, match="stopped") as caught:
            await caller
        assert not caught.value.sent


async def test_no_further_connection() -> None:
    """Where the server opens no other one, the one that is open serves all."""
    times, tried, waiting = 0, asyncio.Event(), 0
    all_in = asyncio.Event()

    async def opening() -> bool:
        nonlocal times
        times += 1
        if times > 1:
            tried.set()
        return times == 1

    async def answering(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 12:
            all_in.set()
        later.append(asyncio.create_task(_later(socket, answer(identity, 200, number_of(message) or 0))))

    async def _later(socket: web.WebSocketResponse, said: bytes) -> None:
        await all_in.wait()
        await tried.wait()
        await socket.send_bytes(said)

    later: list[asyncio.Task[None]] = []
    async with served(answering, opening=opening, connections=4) as link:
        answers = await asyncio.gather(*(link.ask(asks(each), HERE, writes=True) for each in range(12)))
        assert answers == [[each] for each in range(12)]
        assert link.connections == 1


async def _one(socket: web.WebSocketResponse, identity: bytes, message: bytes) -> None:
    await socket.send_bytes(answer(identity, 200, 1))


async def test_an_account_that_cannot_be_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What goes wrong in AWS's tools is the credentials' fault; each caller that waits has an error of its own."""
    pytest.importorskip("aiobotocore")
    monkeypatch.setenv("AWS_PROFILE", "none")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    config = GremlinConfig(url="ws://127.0.0.1:1/gremlin", login="aws", region="eu-west-1")
    with pytest.raises(BackendCredentials, match="check its role or file"):
        await Accounts(config, GremlinCredentials()).headers()
    link = Link(config, GremlinCredentials())
    link.start()
    try:
        both = [link.ask(asks(1), HERE, writes=True) for _ in range(2)]
        one, other = await asyncio.gather(*both, return_exceptions=True)
    finally:
        await link.stop()
    assert type(one) is type(other) is BackendCredentials
    assert one is not other
