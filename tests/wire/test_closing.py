"""What is closed has no socket open any more, whatever its peer does: none is left to the garbage collector."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from prism.wire import Channel, Deadline, HttpRequest, HttpResponse, Method, Server, ServerCall, StatusError, transports
from prism.wire.http2 import frames
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, encode_settings
from wire.raw_peer import RawPeer

MORE_THAN_SOCKETS_HOLD = bytes(32 << 20)
WINDOWS = encode_settings({INITIAL_WINDOW_SIZE: 1 << 30}) + frames.window_update(0, 1 << 30)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peers here never read again."""
    monkeypatch.setattr(transports, "CLOSE_TIMEOUT", 0.05)


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server, and for its clients."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    for each in (theirs, ours):
        each.set_alpn_protocols(["h2"])
    return theirs, ours


def sockets() -> set[str]:
    """The open sockets of this process."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(each.readlink()))
        except FileNotFoundError:
            continue  # the folder itself, while it was read
    return {each for each in found if each.startswith("socket:")}


def name_of(sock: socket.socket) -> str:
    """The socket as `sockets` has it."""
    return str(Path(f"/proc/self/fd/{sock.fileno()}").readlink())


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
async def test_a_channel_whose_server_reads_nothing(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], secured: bool
) -> None:
    """A call that is not written yet, and TLS's goodbye that is not answered, hold no socket up."""
    theirs, ours = contexts

    def accept() -> socket.socket:
        accepted, _ = listener.accept()
        accepted = theirs.wrap_socket(accepted, server_side=True) if secured else accepted
        accepted.sendall(WINDOWS)
        return accepted

    with socket.create_server(("127.0.0.1", 0)) as listener:
        channel = Channel(f"127.0.0.1:{listener.getsockname()[1]}", tls=ours if secured else None)
        accepting = asyncio.create_task(asyncio.to_thread(accept))
        with pytest.raises(StatusError, match="deadline"):
            await channel.unary("/test.Test/Echo", MORE_THAN_SOCKETS_HOLD, deadline=Deadline.after(0.3))
        before = sockets()
        with await accepting as peer:
            await channel.close()
            (closed,) = before - sockets()
            assert closed != name_of(peer)


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
async def test_a_server_whose_client_reads_nothing(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], secured: bool, http2: bool
) -> None:
    """An answer that is not written yet, and TLS's goodbye that is not answered, hold no socket up."""
    theirs, ours = contexts
    called = asyncio.Event()
    before = sockets()

    async def answer(_call: ServerCall) -> bytes:
        called.set()
        return MORE_THAN_SOCKETS_HOLD

    async def respond(_request: HttpRequest) -> HttpResponse:
        called.set()
        return HttpResponse(200, body=MORE_THAN_SOCKETS_HOLD)

    def connect() -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
        if secured:
            ours.set_alpn_protocols(["h2" if http2 else "http/1.1"])
            sock = ours.wrap_socket(sock, server_hostname="127.0.0.1")
        asked = RawPeer.recorded()
        asked.call(1)
        sock.sendall(frames.PREFACE + WINDOWS + asked.said() if http2 else b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        return sock

    async with Server({"/test.Test/Echo": Method("/test.Test/Echo", answer)}.get, http=respond) as server:
        address = await server.listen("127.0.0.1:0", tls=theirs if secured else None)
        with await asyncio.to_thread(connect) as peer:
            await called.wait()
            for _ in range(10):  # the answer is handed to the socket
                await asyncio.sleep(0)
            await server.close()
            assert sockets() - before == {name_of(peer)}
