"""The proxy passes, stops, slows and cuts, as tests of outages rely on."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from prism.acceptance import Proxy

ANSWER = bytes(range(256)) * 8


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy to a server that answers every byte with ANSWER."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):
            writer.write(ANSWER)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def close(writer: asyncio.StreamWriter) -> None:
    """Closes a connection, which may have been reset."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def ask(proxy: Proxy, times: int = 1) -> bytes:
    """So many answers over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(b"?" * times)
        return await reader.readexactly(times * len(ANSWER))
    finally:
        await close(writer)


async def test_it_passes_what_it_is_given(proxy: Proxy) -> None:
    """Connections side by side, each answered whole, at once or held back."""
    assert await asyncio.gather(*(ask(proxy, 20) for _ in range(10))) == [ANSWER * 20] * 10
    proxy.delay = 0.01
    assert await ask(proxy) == ANSWER
    assert proxy.accepted == 11


async def test_it_cuts_an_answer_in_its_middle(proxy: Proxy) -> None:
    """The connection ends after exactly so many bytes; the next one is whole."""
    proxy.cut_in_answer(100)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(proxy)
    assert await ask(proxy) == ANSWER


async def test_it_stops_and_starts_on_its_port(proxy: Proxy) -> None:
    """Stopped, connections end and new ones are refused; started again it is at the same port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"?")
    assert await reader.readexactly(len(ANSWER)) == ANSWER
    port = proxy.port
    await proxy.stop()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    await close(writer)
    with pytest.raises(ConnectionRefusedError):
        await ask(proxy)
    await proxy.start()
    assert (proxy.port, await ask(proxy)) == (port, ANSWER)


@pytest.mark.parametrize("turns", range(6))
async def test_what_is_being_accepted_is_cut_too(proxy: Proxy, turns: int) -> None:
    """However far it has come when the proxy stops: it lived on, to the store, and was left open at the end."""
    with socket.create_connection(("127.0.0.1", proxy.port)) as late:
        for _ in range(turns):
            await asyncio.sleep(0)
        await proxy.stop()
        late.setblocking(False)
        with contextlib.suppress(ConnectionError):
            late.send(b"?")
            async with asyncio.timeout(20):
                assert await asyncio.get_running_loop().sock_recv(late, 1) == b""
