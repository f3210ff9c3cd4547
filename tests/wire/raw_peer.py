"""A peer that speaks HTTP/2 by hand: it can say anything, also what no good client would."""

import asyncio
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import hpack

from prism.wire.address import Address
from prism.wire.http2 import frames
from prism.wire.http2.settings import encode_settings

GRPC = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Test/Echo"),
    (":authority", "test"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


@dataclass(frozen=True)
class Frame:
    """One frame received."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes


def message(payload: bytes) -> bytes:
    """A gRPC message with its head."""
    return frames.MESSAGE_HEAD.pack(0, len(payload)) + payload


def request(path: str) -> list[tuple[str, str]]:
    """The head of a gRPC request."""
    return [(name, path if name == ":path" else value) for name, value in GRPC]


class Record:
    """Takes the place of a connection's writer."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data


class RawPeer:
    """One connection. `receive` gives the frames that matter; SETTINGS and the like are skipped unless asked for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()

    @classmethod
    async def connect(cls, address: str, *, preface: bytes | None = None) -> Self:
        """Connect and send the preface and empty SETTINGS, or what is given instead."""
        where = Address.parse(address)
        if where.path:
            reader, writer = await asyncio.open_unix_connection(where.path)
        else:
            reader, writer = await asyncio.open_connection(where.host, where.port)
        writer.write(frames.PREFACE + encode_settings({}) if preface is None else preface)
        return cls(reader, writer)

    @classmethod
    async def accept(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Self:
        """Be the server of a connection: read the preface, send empty SETTINGS."""
        await reader.readexactly(len(frames.PREFACE))
        writer.write(encode_settings({}))
        return cls(reader, writer)

    @classmethod
    def recorded(cls) -> Self:
        """A peer that is connected to nothing and keeps what it says."""
        # No reader: without a loop that runs, making one would make a loop that nobody closes.
        return cls(None, Record())  # type: ignore[arg-type]

    def said(self) -> bytes:
        """What a recorded peer has said."""
        assert isinstance(self.writer, Record)
        return bytes(self.writer.written)

    def encode(self, fields: Iterable[tuple[str, str]]) -> bytes:
        """A header block, indexed as stock clients do."""
        return bytes(self._encoder.encode(fields))

    def send(self, kind: int, flags: int, stream_id: int, payload: bytes = b"") -> None:
        """Send any frame."""
        self.writer.write(frames.frame(kind, flags, stream_id, payload))

    def headers(self, stream_id: int, fields: Iterable[tuple[str, str]], flags: int = frames.END_HEADERS) -> None:
        """Send a HEADERS frame."""
        self.send(frames.HEADERS, flags, stream_id, self.encode(fields))

    def call(self, stream_id: int, path: str = "/test.Test/Echo", payload: bytes = b"x") -> None:
        """Send a whole unary call."""
        self.headers(stream_id, request(path))
        self.send(frames.DATA, frames.END_STREAM, stream_id, message(payload))

    def reply(self, stream_id: int, payload: bytes) -> None:
        """Answer a unary call with OK."""
        self.headers(stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        self.send(frames.DATA, 0, stream_id, message(payload))
        self.headers(stream_id, [("grpc-status", "0")], frames.END_HEADERS | frames.END_STREAM)

    async def frame(self) -> Frame | None:
        """The next frame of any kind; None at the end of the connection."""
        try:
            head = await self.reader.readexactly(9)
            high, low, kind, flags, stream_id = struct.unpack(">HBBBL", head)
            return Frame(kind, flags, stream_id, await self.reader.readexactly(high << 8 | low))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def until(self, kind: int, stream_id: int | None = None) -> Frame:
        """The next frame of a kind, on a stream; what comes before is passed over, but for the header table."""
        while True:
            frame = await self.frame()
            if frame is None:
                raise ConnectionError(f"the connection ended before a frame of type {kind}")
            if frame.kind == kind and stream_id in (None, frame.stream_id):
                return frame
            if frame.kind == frames.HEADERS:
                self._decoder.decode(frame.payload)

    def fields(self, frame: Frame) -> dict[str, str]:
        """The fields of a HEADERS frame that `until` gave."""
        return dict(self._decoder.decode(frame.payload))

    async def ends(self, calls: int) -> None:
        """Returns when so many calls have ended."""
        while calls:
            frame = await self.until(frames.HEADERS)
            self.fields(frame)
            calls -= frame.flags & frames.END_STREAM

    async def answer(self, stream_id: int) -> tuple[dict[str, str], bytes, dict[str, str]]:
        """Head, body and trailers of a whole response; the same fields twice where it is nothing but trailers."""
        first = await self.until(frames.HEADERS, stream_id)
        head = self.fields(first)
        if first.flags & frames.END_STREAM:
            return head, b"", head
        body = bytearray()
        while True:
            frame = await self.frame()
            assert frame is not None, "the connection ended inside a response"
            if frame.stream_id != stream_id:
                continue
            if frame.kind == frames.DATA:
                body += frame.payload
                if frame.flags & frames.END_STREAM:
                    return head, bytes(body), {}
            elif frame.kind == frames.HEADERS:
                return head, bytes(body), self.fields(frame)

    async def goaway(self) -> frames.ErrorCode:
        """The code of the GOAWAY that ends the connection."""
        frame = await self.until(frames.GOAWAY)
        return frames.ErrorCode(frames.UINT32.unpack_from(frame.payload, 4)[0])

    async def ended(self) -> None:
        """Wait until the connection has been closed by the other side."""
        while await self.frame() is not None:
            pass

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
