"""The longest life of connections: clients spread over the servers behind a balancer anew, and no call fails by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from prism.wire import Channel, Code, HttpRequest, HttpResponse, Server, ServerConfig, StatusError
from prism.wire.address import Address
from wire.service import Service

AGE = 0.5
CLIENTS = 6


class Balancer:
    """A balancer of connections: each new one goes to the next server in turn."""

    def __init__(self, *targets: str) -> None:
        self.targets = list(targets)
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until one end closes."""
        self._next += 1
        where = Address.parse(self.targets[self._next % len(self.targets)])
        away_reader, away_writer = await asyncio.open_connection(where.host, where.port)
        ways = [asyncio.create_task(copy(reader, away_writer)), asyncio.create_task(copy(away_reader, writer))]
        await asyncio.wait(ways)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[str]:
        """Its address."""
        listener = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        async with listener:
            host, port = listener.sockets[0].getsockname()
            yield f"{host}:{port}"


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One way."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@asynccontextmanager
async def serving(service: Service, **settings: float) -> AsyncIterator[tuple[Server, str]]:
    """A server whose connections live shortly."""

    async def page(_: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], b"page")

    config = ServerConfig(max_connection_age=AGE, **settings)  # type: ignore[arg-type]  # all of them are times
    async with Server(service.lookup, http=page, config=config) as server:
        yield server, await server.listen("127.0.0.1:0")


async def test_a_server_that_joins_gets_its_share() -> None:
    """Six clients of one server; a second joins: both are called soon, and no call fails."""
    services = Service(), Service()
    async with serving(services[0]) as (first, there), serving(services[1]) as (second, elsewhere):
        balancer = Balancer(there)
        async with balancer.listen() as address, asyncio.timeout(30):
            channels = [Channel(address) for _ in range(CLIENTS)]
            for channel in channels:
                await channel.unary("/test.Test/Echo", b"x")
            assert (first.connections, second.connections) == (CLIENTS, 0)
            balancer.targets.append(elsewhere)
            while second.connections < 2 or first.connections < 1:
                await asyncio.gather(*(channel.unary("/test.Test/Echo", b"x") for channel in channels))
                await asyncio.sleep(0.01)
            for channel in channels:
                await channel.close()
            await first.close()
            await second.close()


async def test_a_stream_that_goes_on_after_the_grace_ends_with_a_reason() -> None:
    """The client knows that it may call again; a call meanwhile has another connection."""
    async with (
        serving(Service(), drain_timeout=0.3) as (_, address),
        Channel(address) as channel,
        channel.open("/test.Test/HangStream") as call,
        asyncio.timeout(30),
    ):
        await call.send(b"")
        await call.end()
        assert await call.receive() == b"first"
        with pytest.raises(StatusError, match="longest life") as caught:
            await call.receive()
        assert caught.value.status.code is Code.UNAVAILABLE
        assert await channel.unary("/test.Test/Echo", b"x") == b"x"


async def test_http1_connections_end_too() -> None:
    """One that idles is closed."""
    async with serving(Service()) as (_, address), asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.readuntil(b"page")
        assert answer.startswith(b"HTTP/1.1 200")
        assert await reader.read() == b""
        writer.close()
