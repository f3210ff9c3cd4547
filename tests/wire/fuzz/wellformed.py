"""Whether what an end of a connection has sent is HTTP/2: every frame, header block and stream, and gRPC's messages."""

from dataclasses import dataclass, field
from typing import Final

import hpack

from prism.wire.http2 import frames
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, SETTING
from wire.fuzz.stage import Finding

_KNOWN: Final = (
    frames.DATA,
    frames.HEADERS,
    frames.RST_STREAM,
    frames.SETTINGS,
    frames.PING,
    frames.GOAWAY,
    frames.WINDOW_UPDATE,
    frames.CONTINUATION,
)
_LENGTHS: Final = {frames.RST_STREAM: 4, frames.PING: 8, frames.WINDOW_UPDATE: 4}
_LARGE: Final = 1 << 30


@dataclass
class Half:
    """What has been seen of one stream, in one direction."""

    heads: list[dict[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: bool = False


@dataclass
class Windows:
    """How much DATA the other end has let this one send, at the most."""

    connection: int = frames.DEFAULT_WINDOW
    initial: int = frames.DEFAULT_WINDOW
    frame: int = frames.DEFAULT_FRAME_SIZE
    streams: dict[int, int] = field(default_factory=dict)

    def grant(self, said: bytes) -> None:
        """Take note of whatever the other end said, as far as it can be read as frames."""
        at = 0
        while len(said) - at >= 9:
            high, low, kind, flags, stream_id = frames.FRAME_HEAD.unpack_from(said, at)
            stop = at + 9 + (high << 8 | low)
            payload = said[at + 9 : stop]
            if stop > len(said):
                return
            at = stop
            if kind == frames.SETTINGS and not flags & frames.ACK:
                self._settings(payload)
            elif kind == frames.WINDOW_UPDATE and len(payload) == 4:
                increment = frames.UINT32.unpack(payload)[0] & frames.LARGEST_WINDOW
                stream_id &= frames.LARGEST_WINDOW
                if stream_id:
                    self.streams[stream_id] = self.streams.get(stream_id, 0) + increment
                else:
                    self.connection += increment

    def _settings(self, payload: bytes) -> None:
        for key, value in SETTING.iter_unpack(payload[: len(payload) // 6 * 6]):
            if key == INITIAL_WINDOW_SIZE:
                self.initial = max(self.initial, value)
            elif key == MAX_FRAME_SIZE:
                self.frame = max(self.frame, value)


class Transcript:
    """Reads what one end has sent. Raises `Finding` at the first octet that is wrong."""

    def __init__(self, sent: bytes, windows: Windows, *, client: bool) -> None:
        self.streams: dict[int, Half] = {}
        self.goaways: list[int] = []
        self.resets: list[int] = []
        self._windows = windows
        self._client = client
        self._decoder = hpack.Decoder(1 << 20)
        self._block: bytes | None = None
        self._block_of = (0, 0)
        self._total = 0
        if client:
            if not frames.PREFACE.startswith(sent[: len(frames.PREFACE)]):
                raise Finding("the client does not begin with its preface")
            sent = sent[len(frames.PREFACE) :]
        self._read(sent)

    def _read(self, sent: bytes) -> None:
        at = 0
        while at < len(sent):
            if len(sent) - at < 9:
                raise Finding(f"half a frame's head at the end: {sent[at:]!r}")
            high, low, kind, flags, stream_id = frames.FRAME_HEAD.unpack_from(sent, at)
            length = high << 8 | low
            payload = sent[at + 9 : at + 9 + length]
            if at == 0 and kind != frames.SETTINGS and kind != frames.GOAWAY:
                raise Finding(f"the connection begins with a frame of type {kind}")
            if len(payload) < length or length > self._windows.frame:
                raise Finding(f"a frame of type {kind} and length {length}, cut short or over the limit")
            at += 9 + length
            self._frame(kind, flags, stream_id, payload)
        if self._block is not None:
            raise Finding("a header block without an end")

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind not in _KNOWN or len(payload) != _LENGTHS.get(kind, len(payload)):
            raise Finding(f"a frame of type {kind} with {len(payload)} bytes")
        if (self._block is None) == (kind == frames.CONTINUATION):
            raise Finding("CONTINUATION out of place, or missing")
        if stream_id > frames.LARGEST_WINDOW or (kind in (frames.SETTINGS, frames.PING, frames.GOAWAY) and stream_id):
            raise Finding(f"a frame of type {kind} on stream {stream_id}")
        if kind == frames.DATA:
            self._data(flags, stream_id, payload)
        elif kind == frames.HEADERS:
            self._block, self._block_of = b"", (stream_id, flags & frames.END_STREAM)
            self._continue(flags, stream_id, payload)
        elif kind == frames.CONTINUATION:
            self._continue(flags, stream_id, payload)
        elif kind == frames.RST_STREAM:
            self.resets.append(stream_id)
            if not stream_id:
                raise Finding("RST_STREAM on stream 0")
            self.streams.setdefault(stream_id, Half()).reset = True
        elif kind == frames.GOAWAY:
            self.goaways.append(frames.UINT32.unpack_from(payload, 4)[0])
        elif kind == frames.WINDOW_UPDATE and not frames.UINT32.unpack(payload)[0]:
            raise Finding("a WINDOW_UPDATE of zero")

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        half = self.streams.get(stream_id)
        if half is None or not half.heads or half.ended or half.reset:
            raise Finding(f"DATA on stream {stream_id}, which is not open: {half}")
        half.body += payload
        half.ended = bool(flags & frames.END_STREAM)
        self._total += len(payload)
        if self._total > self._windows.connection:
            raise Finding("more DATA than the connection's window")
        if len(half.body) > self._windows.initial + self._windows.streams.get(stream_id, 0):
            raise Finding(f"more DATA than the window of stream {stream_id}")

    def _continue(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != self._block_of[0] or not stream_id & 1:
            raise Finding(f"a header block on stream {stream_id}")
        self._block = (self._block or b"") + payload
        if not flags & frames.END_HEADERS:
            return
        block, self._block = self._block, None
        half = self.streams.setdefault(stream_id, Half())
        if half.ended or half.reset:
            raise Finding(f"HEADERS on stream {stream_id}, which has ended")
        try:
            fields = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except hpack.HPACKError as error:
            raise Finding(f"a header block that does not decode: {error!r}") from error
        half.heads.append(dict(fields))
        half.ended = bool(self._block_of[1])
        self._check_fields(half, [name for name, _ in fields])

    def _check_fields(self, half: Half, names: list[bytes]) -> None:
        pseudo = [name for name in names if name[:1] == b":"]
        first = len(half.heads) == 1
        wanted = ([b":method", b":scheme", b":path", b":authority"] if self._client else [b":status"]) if first else []
        if pseudo != wanted or names[: len(pseudo)] != pseudo or any(name != name.lower() for name in names):
            raise Finding(f"header fields out of order: {names}")
        if not first and (not half.ended or self._client or len(half.heads) > 2):
            raise Finding("trailers that do not end the stream, or a client's")

    def check_messages(self, half: Half) -> None:
        """A gRPC response that ends with OK is whole messages."""
        last = half.heads[-1]
        if half.reset or not half.ended or last.get(b"grpc-status") != b"0":
            return
        at = 0
        while at < len(half.body):
            at += 5 + int.from_bytes(half.body[at + 1 : at + 5], "big")
        if at != len(half.body):
            raise Finding("a response that is OK and ends inside a message")

    def check(self) -> None:
        """Look at the streams as wholes."""
        for half in self.streams.values():
            if half.heads:
                self.check_messages(half)
