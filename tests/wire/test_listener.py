"""Another TLS context takes over while connections come and calls are under way."""

import asyncio
import gc
import os
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from pathlib import Path
from time import monotonic

import pytest
import trustme

from authority import shown
from prism.wire import (
    Channel,
    Code,
    HttpRequest,
    HttpResponse,
    Server,
    ServerConfig,
    StatusError,
    client_context,
    server_context,
)
from wire.service import Service

ECHO = "/test.Test/Echo"
MANY = 32


class Rotating:
    """An authority whose certificates for the same name are told apart by their numbers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))

    def context(self, client_ca: Path | None = None) -> tuple[ssl.SSLContext, bytes]:
        """A server's context with a new certificate, and that certificate."""
        cert, key = self.issue("localhost", "127.0.0.1")
        return server_context(cert, key, client_ca), ssl.PEM_cert_to_DER_cert(cert.read_text())

    def issue(self, *names: str) -> tuple[Path, Path]:
        """A new certificate and its key."""
        made = self._authority.issue_cert(*names)
        cert, key = self._folder / "cert.pem", self._folder / "key.pem"
        cert.write_bytes(made.cert_chain_pems[0].bytes())
        key.write_bytes(made.private_key_pem.bytes())
        return cert, key


def open_files() -> set[int]:
    """The descriptors of this process."""
    return {int(each.name) for each in Path("/proc/self/fd").iterdir()}


def fill_holes(stack: ExitStack) -> None:
    """Opens files until no number below the highest is free: a process's last numbers are its last descriptors then."""
    highest = max(open_files())
    while (filler := os.open(os.devnull, os.O_RDONLY)) <= highest:
        stack.callback(os.close, filler)
    stack.callback(os.close, filler)


async def until_open(number: int) -> None:
    """Wait until so many are open; loops close some of them a turn or two later."""
    async with asyncio.timeout(30):
        while len(open_files()) != number:  # noqa: ASYNC110 - the loop has no event for it
            await asyncio.sleep(0)


@contextmanager
def room_for(files: int) -> Iterator[int]:
    """No more files than that, or one, can be opened; gives the first number that cannot."""
    gc.collect()  # what others left open would be closed in between
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = open_files()
    most = next(islice((each for each in count() if each not in used), files, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def rotating(tmp_path: Path) -> Rotating:
    return Rotating(tmp_path)


async def test_new_connections_get_the_new_certificate_and_open_ones_live_on(
    server: Server, rotating: Rotating
) -> None:
    """On the same address; a call that is under way on the old connection is answered."""
    first, certificate = rotating.context()
    address = await server.listen("127.0.0.1:0", tls=first)
    assert await shown(address, rotating.ca) == certificate
    async with Channel(address, tls=client_context(rotating.ca)) as channel:
        async with channel.open("/test.Test/Chat") as call:
            await call.send(b"before")
            assert await call.receive() == b"before"
            second, renewed = rotating.context()
            server.reload_tls(second)
            await call.send(b"after")
            assert await call.receive() == b"after"
            await call.end()
        assert await channel.unary(ECHO, b"x") == b"x"
        assert server.connections == 1
    assert await shown(address, rotating.ca) == renewed != certificate


async def test_no_connection_is_lost_by_it(server: Server, rotating: Rotating) -> None:
    """New connections are made all the while that contexts change."""
    context, _ = rotating.context()
    address = await server.listen("127.0.0.1:0", tls=context)
    own = client_context(rotating.ca)
    done = asyncio.Event()

    async def connect() -> int:
        made = 0
        while not done.is_set():
            async with Channel(address, tls=own) as channel:
                assert await channel.unary(ECHO, b"x") == b"x"
            made += 1
        return made

    callers = [asyncio.create_task(connect()) for _ in range(4)]
    contexts = [rotating.context()[0] for _ in range(3)]
    for number in range(30):
        server.reload_tls(contexts[number % 3])
        async with Channel(address, tls=own) as channel:
            await channel.unary(ECHO, b"")
    done.set()
    assert min(await asyncio.gather(*callers)) > 0


async def test_another_authority_for_clients_takes_over(
    server: Server, service: Service, rotating: Rotating, tmp_path: Path
) -> None:
    """A client that only the one before knows is let in no more, and one that the new one knows is."""
    (tmp_path / "other").mkdir()
    other = Rotating(tmp_path / "other")
    before, after = (client_context(rotating.ca, *each.issue("app@example.org")) for each in (rotating, other))
    context, _ = rotating.context(client_ca=rotating.ca)
    address = await server.listen("127.0.0.1:0", tls=context)
    async with Channel(address, tls=before) as channel:
        await channel.unary(ECHO, b"")
        server.reload_tls(rotating.context(client_ca=other.ca)[0])
        await channel.unary(ECHO, b"")
    async with Channel(address, tls=after) as channel:
        await channel.unary(ECHO, b"")
    async with Channel(address, tls=before) as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary(ECHO, b"")
    assert caught.value.status.code is Code.UNAVAILABLE


async def test_addresses_in_clear_text_stay_so_and_closing_closes(server: Server, rotating: Rotating) -> None:
    """And after the server is closed no socket listens, though the context has changed."""
    context, _ = rotating.context()
    plain, secured = await server.listen("127.0.0.1:0"), await server.listen("127.0.0.1:0", tls=context)
    server.reload_tls(rotating.context()[0])
    async with Channel(plain) as channel:
        await channel.unary(ECHO, b"")
    await server.close()
    for address in (plain, secured):
        host, _, port = address.rpartition(":")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))


async def test_a_socket_has_one_descriptor(server: Server, rotating: Rotating) -> None:
    """However many connections a turn takes, and however often the context changes."""
    await server.listen("127.0.0.1:0")  # libuv opens a file of its own with a loop's first stream, for good
    before = len(open_files())
    await server.listen("127.0.0.1:0", tls=rotating.context()[0])
    assert len(open_files()) == before + 1
    server.reload_tls(rotating.context()[0])
    assert len(open_files()) == before + 1


async def test_where_no_descriptor_is_left_clients_wait_and_it_is_counted(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop goes on meanwhile; with the next descriptor they are served."""
    address = await server.listen("127.0.0.1:0")
    host, _, port = address.rpartition(":")
    with socket.socket() as client, socket.socket() as other:
        with room_for(0):
            for each in (client, other):
                each.connect((host, int(port)))
            async with asyncio.timeout(10):
                while not server.shortages["delayed"]:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0)
            turns, start = 0, monotonic()
            while monotonic() - start < 0.05:
                await asyncio.sleep(0)
                turns += 1
            assert turns > 10
            assert server.connections < 2  # `room_for` may leave one
            assert not server.shortages["refused"]
        async with asyncio.timeout(10):
            while server.connections < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    [line] = [each.getMessage() for each in caplog.records if each.name == "prism.wire"]
    assert "no connection can be accepted (Too many open files" in line
    assert "raise the limit of open files" in line


async def test_the_last_descriptors_are_kept_for_others(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that would take one is closed at once, so that its client goes elsewhere; each is counted."""
    config = ServerConfig(spare_descriptors=8)
    async with Server(service.lookup, config=config) as server:
        address = await server.listen("127.0.0.1:0")
        host, _, port = address.rpartition(":")
        with ExitStack() as stack:
            fill_holes(stack)
            most = stack.enter_context(room_for(22))
            clients = [stack.enter_context(socket.socket()) for _ in range(12)]
            for each in clients:
                each.connect((host, int(port)))
            async with asyncio.timeout(10):
                while server.connections + server.shortages["refused"] < len(clients):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0)
            assert server.connections > 0
            assert (
                len(set(range(most)) - open_files()) >= 6
            )  # of the eight the look takes one, and `room_for` may be one off
            with socket.socket():
                pass
    assert server.shortages["delayed"] == 0
    [line] = [each.getMessage() for each in caplog.records if each.name == "prism.wire"]
    assert "the last 8 are kept for stores and files: new connections are closed at once" in line


async def test_a_handshake_under_way_ends_with_the_server(server: Server, rotating: Rotating) -> None:
    """Nothing of it is left open."""
    address = await server.listen("127.0.0.1:0", tls=rotating.context()[0])
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as client:
        for _ in range(10):
            await asyncio.sleep(0)
        before = len(open_files())
        await server.close()
        await until_open(before - 2)
        assert client.recv(1) == b""


async def test_listening_that_is_cancelled_leaves_nothing(server: Server, tmp_path: Path) -> None:
    """No file that is open, and no socket in the file system; then it is had at the first attempt."""
    path = tmp_path / "socket"
    await server.listen("127.0.0.1:0")  # libuv opens a file of its own with a loop's first stream, for good
    before = len(open_files())
    for turns in count():
        listening = asyncio.create_task(server.listen(f"unix:{path}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if not listening.cancel():
            break
        await asyncio.wait([listening])
        await until_open(before)
        assert not path.exists()
    async with Channel(await listening) as channel:
        assert await channel.unary(ECHO, b"x") == b"x"


async def test_listening_that_fails_leaves_nothing(server: Server, tmp_path: Path) -> None:
    """Where files run out in the middle of it, the address is free again."""
    path = tmp_path / "socket"
    await server.listen("127.0.0.1:0")  # libuv opens a file of its own with a loop's first stream, for good
    before = len(open_files())
    with room_for(0), socket.socket(), pytest.raises(OSError, match="Too many open files"):
        await server.listen(f"unix:{path}")
    await until_open(before)
    assert not path.exists()
    async with Channel(await server.listen(f"unix:{path}")) as channel:
        assert await channel.unary(ECHO, b"x") == b"x"


async def test_who_connects_behind_many_waits_for_few_turns(server: Server) -> None:
    """A loop that is held up in each turn, as by heavy calls, takes many connections in one."""
    address = await server.listen("127.0.0.1:0")
    host, _, port = address.rpartition(":")
    sockets = [socket.create_connection((host, int(port))) for _ in range(MANY)]
    turns = 0
    while server.connections < len(sockets):
        await asyncio.sleep(0)
        turns += 1
    for each in sockets:
        each.close()
    assert turns < MANY // 2


async def test_who_connects_to_a_held_address_waits() -> None:
    """The address is taken, and nothing is answered there until its server is ready."""

    async def hello(_: HttpRequest) -> HttpResponse:
        return HttpResponse(200)

    async with Server(lambda _: None, http=hello) as server:
        host, _, port = (await server.listen("127.0.0.1:0", hold=True)).rpartition(":")
        with pytest.raises(OSError, match="in use"):
            await server.listen(f"{host}:{port}")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = asyncio.create_task(reader.readline())
        await asyncio.sleep(0.01)
        assert (server.connections, answer.done()) == (0, False)
        server.accept()
        assert (await asyncio.wait_for(answer, 20)).startswith(b"HTTP/1.1 200 ")
        writer.close()
        await writer.wait_closed()
