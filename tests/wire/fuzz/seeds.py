"""Where fuzzing begins: valid conversations, field by field, from which mutation departs."""

import gzip

from prism.wire.http2 import frames
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, SETTING, encode_settings
from wire.raw_peer import RawPeer, message, request

_PADDED_PRIORITY = frames.PADDED | frames.HAS_PRIORITY | frames.END_HEADERS


def seeds(target: str) -> list[bytes]:
    """The first inputs of a target."""
    manners = [bytes((options, manner, 7, 7)) for options in (0, 4, 8, 16) for manner in (0, 1, 5)]
    if target in ("server", "both-servers"):
        bodies = [_settings() + body for body in _requests()]
        narrow = [bytes((32, manner, 7, 7)) for manner in (0, 5)]
        narrow += [bytes((64, manner, 7, 7)) for manner in (1, 5)]
        return [head + body for body in bodies for head in (*manners[:6], *narrow)]
    if target in ("client", "both-clients"):
        narrow = [bytes((16, manner, 7, 7)) for manner in (0, 5)]
        found = [head + body for body in _responses() for head in (*manners[:6], *narrow)]
        return found + [
            bytes((options, manner, 7, 7)) + run_of_responses() for options in (32, 48) for manner in (0, 1)
        ]
    if target == "http1":
        return [head + body for body in _http1() for head in (*manners[:4], b"\1\0\0\0")]
    if target == "hpack":
        return _blocks()
    if target == "both-decoders":
        return [bytes((options,)) + blocks[1:] for blocks in (_blocks()[0], _sizes()) for options in range(8)]
    if target == "inbox":
        return [
            bytes((options, manner, 0, 0)) + body for body in _messages() for options in (1, 3) for manner in (0, 1)
        ]
    return _fields()


def frame_bank(target: str) -> list[bytes]:
    """Single frames to insert into conversations."""
    bodies = _requests() if target.removeprefix("both-").startswith("server") else [*_responses(), run_of_responses()]
    return [each for body in bodies for each in split(body)[0]]


def split(body: bytes) -> tuple[list[bytes], bytes]:
    """Frames, and what is left behind the last whole one."""
    found, at = [], 0
    while len(body) - at >= 9:
        stop = at + 9 + int.from_bytes(body[at : at + 3], "big")
        if stop > len(body):
            break
        found.append(body[at:stop])
        at = stop
    return found, body[at:]


def _settings() -> bytes:
    return encode_settings({INITIAL_WINDOW_SIZE: 70_000, MAX_FRAME_SIZE: 16_384})


def _said(*says: object) -> bytes:
    peer = RawPeer.recorded()
    for say in says:
        say(peer)  # type: ignore[operator]
    return peer.said()


def run_of_requests(count: int = 12) -> bytes:
    """Plain unary calls in a row: some alike, some with a time-out and metadata of their own, and one stream."""

    def run(peer: RawPeer) -> None:
        for number in range(count):
            own = [("grpc-timeout", f"{1 + number % 3}S"), ("name", "value"), ("trace", f"00-{number}")]
            path = ("Echo", "Echo", "Echo", "Chat", "Fail", "Nowhere")[number % 6]
            peer.headers(1 + 2 * number, request(f"/test.Test/{path}") + own[: number % 4])
            peer.send(frames.DATA, frames.END_STREAM, 1 + 2 * number, message(b"x" * number))

    return _said(run)


def run_of_responses(count: int = 12) -> bytes:
    """Plain answers in a row."""

    def run(peer: RawPeer) -> None:
        for number in range(count):
            peer.reply(1 + 2 * number, b"y" * number)

    return _said(run)


def run_of_data(stream_id: int = 3, *, answer: bool = False) -> bytes:
    """Messages of many lengths in frames that begin and end anywhere, in a row, of a stream of requests or answers."""
    sizes = (0, 3, 700, 1, 0, 3000, 40, 5, 900)
    said = b"".join(message(bytes((number,)) * size) for number, size in enumerate(sizes))

    def run(peer: RawPeer) -> None:
        peer.send(frames.SETTINGS, frames.ACK, 0)
        if answer:
            peer.headers(stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        else:
            peer.headers(stream_id, request("/test.Test/Chat"))
        at = 0
        for size in (1, 3, 5, 9, 500, 2, 204, 1000, 700, 1200, 800, 30, 10_000):
            peer.send(frames.DATA, 0, stream_id, said[at : at + size] or message(b"more"))
            at += size
        if answer:
            peer.headers(stream_id, [("grpc-status", "0")], frames.END_HEADERS | frames.END_STREAM)
        else:
            peer.send(frames.DATA, frames.END_STREAM, stream_id)

    return _said(run)


def _requests() -> list[bytes]:
    get = [(":method", "GET"), (":scheme", "http"), (":path", "/page?x=1"), (":authority", "test")]
    post = [(":method", "POST"), *get[1:2], (":path", "/stream"), ("content-length", "4")]
    timed = [*request("/test.Test/Hang"), ("grpc-timeout", "50m"), ("raw-bin", "AAE"), ("name", "value")]
    zipped = [*request("/test.Test/Compressed"), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")]
    packed = gzip.compress(b"x" * 100)
    compressed = frames.MESSAGE_HEAD.pack(1, len(packed)) + packed

    def streamed(path: str) -> bytes:
        return _said(
            lambda p: p.headers(1, request(path)),
            lambda p: p.send(frames.DATA, 0, 1, message(b"one") + message(b"two")),
            lambda p: p.send(frames.DATA, frames.PADDED, 1, b"\2" + message(b"three") + b"\0\0"),
            lambda p: p.send(frames.DATA, frames.END_STREAM, 1),
        )

    def odd(peer: RawPeer) -> None:
        block = peer.encode(request("/test.Test/Echo"))
        peer.send(frames.HEADERS, 0, 1, block[:5])
        peer.send(frames.CONTINUATION, 0, 1, block[5:9])
        peer.send(frames.CONTINUATION, frames.END_HEADERS, 1, block[9:])
        peer.send(frames.DATA, 0, 1, message(b"x" * 40)[:20])
        peer.send(frames.DATA, frames.END_STREAM, 1, message(b"x" * 40)[20:])
        peer.send(frames.HEADERS, _PADDED_PRIORITY | frames.END_STREAM, 3, b"\1\0\0\0\0\x10" + peer.encode(get) + b"\0")
        peer.send(frames.PRIORITY, 0, 5, b"\0\0\0\1\x20")

    def control(peer: RawPeer) -> None:
        peer.send(frames.SETTINGS, frames.ACK, 0)
        peer.send(frames.PING, 0, 0, b"01234567")
        peer.call(1, "/test.Test/HangStream")
        peer.send(frames.WINDOW_UPDATE, 0, 0, b"\0\0\x10\0")
        peer.send(frames.WINDOW_UPDATE, 0, 1, b"\0\1\x10\0")
        peer.send(frames.RST_STREAM, 0, 1, b"\0\0\0\x08")
        peer.send(frames.PING, frames.ACK, 0, b"draining")
        peer.send(frames.GOAWAY, 0, 0, bytes(8))

    def wide(peer: RawPeer) -> None:
        peer.send(frames.WINDOW_UPDATE, 0, 0, b"\0\x10\0\0")
        peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 1 << 20))

    def settled(peer: RawPeer) -> None:
        peer.send(frames.SETTINGS, frames.ACK, 0)

    def pieces(peer: RawPeer) -> None:
        whole = message(b"x" * 6000)
        for stream_id, path in ((3, "Echo"), (5, "Chat")):
            peer.headers(stream_id, request(f"/test.Test/{path}"))
            for start in range(0, len(whole), 1000):
                peer.send(frames.DATA, 0, stream_id, whole[start : start + 1000])
            peer.send(frames.DATA, frames.END_STREAM, stream_id)

    return [
        _said(lambda p: p.call(1), lambda p: p.call(3), lambda p: p.call(5, "/test.Test/Fail")),
        *(streamed(f"/test.Test/{name}") for name in ("Count", "Chat", "Echo", "HangStream", "Ignore")),
        _said(lambda p: p.call(1, "/test.Test/Many"), lambda p: p.call(3, "/test.Test/Repeat")),
        _said(lambda p: p.headers(1, get, frames.END_HEADERS | frames.END_STREAM)),
        _said(lambda p: p.headers(1, post), lambda p: p.send(frames.DATA, frames.END_STREAM, 1, b"body")),
        _said(lambda p: p.headers(1, timed), lambda p: p.send(frames.DATA, frames.END_STREAM, 1, message(b"x"))),
        _said(lambda p: p.headers(1, zipped), lambda p: p.send(frames.DATA, frames.END_STREAM, 1, compressed)),
        _said(odd),
        _said(control),
        _said(lambda p: p.headers(1, request("/test.Test/Chat")), lambda p: p.headers(1, [("end", "x")], 5)),
        _said(lambda p: p.call(1, payload=b"x" * 16_000), lambda p: p.call(3, payload=b"z")),
        _said(wide, lambda p: p.call(1, "/test.Test/Many"), lambda p: p.call(3, payload=b"x" * 15_000)),
        _said(settled, lambda p: p.call(1, payload=b"x" * 900), pieces),
        run_of_requests(),
        run_of_data(),
    ]


def _responses() -> list[bytes]:
    head = [(":status", "200"), ("content-type", "application/grpc")]
    fail = [*head, ("grpc-status", "5"), ("grpc-message", "no%20way"), ("grpc-status-details-bin", "CAU")]
    ended = frames.END_HEADERS | frames.END_STREAM

    def all_of(peer: RawPeer) -> None:
        for stream_id in (1, 3, 5, 7, 9, 11):
            peer.reply(stream_id, b"answer")

    def streaming(peer: RawPeer) -> None:
        for stream_id in (3, 7, 11):
            peer.headers(stream_id, [*head, ("hello", "you"), ("raw-bin", "AAE")])
            peer.send(frames.DATA, 0, stream_id, message(b"one") + message(b"two")[:4])
            peer.send(frames.DATA, frames.PADDED, stream_id, b"\1" + message(b"two")[4:] + b"\0")
            peer.headers(stream_id, [("grpc-status", "0"), ("seen", "5")], ended)

    def zipped(peer: RawPeer) -> None:
        packed = gzip.compress(b"x" * 100)
        peer.headers(7, [*head, ("grpc-encoding", "gzip")])
        peer.send(frames.DATA, 0, 7, frames.MESSAGE_HEAD.pack(1, len(packed)) + packed)
        peer.headers(7, [("grpc-status", "0")], ended)

    def failing(peer: RawPeer) -> None:
        peer.headers(1, fail, ended)
        peer.send(frames.RST_STREAM, 0, 3, b"\0\0\0\x07")
        peer.headers(5, [(":status", "503"), ("content-type", "text/html")])
        peer.send(frames.DATA, frames.END_STREAM, 5, b"<html>")
        peer.headers(7, [(":status", "100")])
        peer.headers(7, head)
        peer.headers(7, [("grpc-status", "99"), ("grpc-message", "%zz%")], ended)

    def control(peer: RawPeer) -> None:
        peer.send(frames.SETTINGS, 0, 0, SETTING.pack(3, 2) + SETTING.pack(4, 10))
        peer.send(frames.SETTINGS, frames.ACK, 0)
        peer.send(frames.WINDOW_UPDATE, 0, 0, b"\0\1\0\0")
        peer.send(frames.WINDOW_UPDATE, 0, 5, b"\0\1\0\0")
        peer.send(frames.PING, 0, 0, b"01234567")
        peer.send(frames.PING, frames.ACK, 0, b"stillon?")
        peer.send(frames.GOAWAY, 0, 0, b"\0\0\0\5\0\0\0\0bye")
        peer.reply(1, b"first")
        peer.reply(5, b"z" * 9000)

    def large(peer: RawPeer) -> None:
        peer.send(frames.SETTINGS, frames.ACK, 0)
        whole = message(b"x" * 6000)
        for stream_id in (1, 3):
            peer.headers(stream_id, head)
            for start in range(0, len(whole), 1000):
                peer.send(frames.DATA, 0, stream_id, whole[start : start + 1000])
            peer.headers(stream_id, [("grpc-status", "0")], ended)

    return [*(_said(each) for each in (all_of, streaming, zipped, failing, control, large)), run_of_data(answer=True)]


def _http1() -> list[bytes]:
    tail = b"Host: test\r\n"
    return [
        b"GET /page?q=1 HTTP/1.1\r\n" + tail + b"\r\n",
        b"POST /stream HTTP/1.1\r\n" + tail + b"Content-Length: 4\r\n\r\nbodyGET / HTTP/1.1\r\n" + tail + b"\r\n",
        b"POST / HTTP/1.1\r\n"
        + tail
        + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: y\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + tail + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /nothing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"HEAD /stream HTTP/1.1\r\n" + tail + b"\r\n" * 2,
        b"GET http://test/x HTTP/1.1\r\n" + tail + b"Connection: close\r\nraw-bin: AAE\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + tail + b"Content-Type: application/grpc\r\nContent-Length: 30000\r\n\r\n",
        b"CONNECT test:1 HTTP/1.1\r\n" + tail + b"\r\n",
        b"GET / HTTP/1.1\r\n" + tail + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"GET /hang HTTP/1.1\r\n" + tail + b"\r\nGET / HTTP/1.1\r\n" + tail + b"\r\n",
        frames.PREFACE[:14],
        b"\x16\x03\x01\x02\x00\x01",
    ]


def _blocks() -> list[bytes]:
    peer = RawPeer.recorded()
    blocks = [peer.encode(request("/a.B/C")), peer.encode([*request("/a.B/C"), ("traceparent", "00-1")])]
    blocks += [peer.encode(request("/a.B/C")), b"\x3f\xe1\x1f\x82", b"\x20\x40\x01a\x011\xbe", b"\x10\x01k\x81\x1f"]
    together = b"".join(bytes((len(block),)) + block for block in blocks)
    return [b"\0" + together, b"\1" + together]


def _sizes() -> bytes:
    """Blocks between which the table changes its size."""
    peer = RawPeer.recorded()
    block = peer.encode([*request("/a.B/C"), ("grpc-timeout", "5S"), ("name", "value")])
    steps = [b"\xff\2", b"\1\x20", bytes((len(block),)) + block, b"\xff\5", b"\4\x3f\xe1\x1f\x82", b"\xff\3\2\x3f\x45"]
    return b"\0" + b"".join(steps)


def _messages() -> list[bytes]:
    packed = gzip.compress(b"x" * 4000)
    zipped = frames.MESSAGE_HEAD.pack(1, len(packed)) + packed
    return [message(b"") + message(b"abc") + message(b"x" * 300), zipped + message(b"y") + zipped]


def _fields() -> list[bytes]:
    head = (
        b":method=POST\n:scheme=http\n:path=/a.B/C\n:authority=test\ncontent-type=application/grpc+proto\nte=trailers\n"
    )
    return [
        head
        + b"grpc-timeout=50m\ngrpc-encoding=gzip\ngrpc-accept-encoding=identity, gzip\nraw-bin=AAE,AAE=\nname=value",
        b":status=200\ncontent-type=application/grpc\ngrpc-status=5\ngrpc-message=no%20%e2%9c%93\ngrpc-status-details-bin=CAU",
        head + b"content-length=12\nx=\ty\ncookie=a\ngrpc-timeout=99999999H",
    ]
