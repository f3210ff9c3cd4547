"""Windows near every limit: whatever the size, the frames and the windows, what may be sent arrives, and what may not
is refused. Nothing waits for ever for a window that is never opened.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from prism.wire import Channel, ChannelConfig, Code, HttpRequest, HttpResponse, Server, ServerConfig, StatusError
from prism.wire.hpack.decoder import Decoder
from prism.wire.http2 import frames
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, encode_settings
from prism.wire.server.preamble import Preamble
from wire.fuzz.stage import Pipe, Stage, opening
from wire.raw_peer import RawPeer, Record, message, request
from wire.service import Service

ACKNOWLEDGED = frames.frame(frames.SETTINGS, frames.ACK, 0)


async def count(request: HttpRequest) -> HttpResponse:
    """Answers with the size of the body."""
    return HttpResponse(200, [], str(len(request.body)).encode())


@dataclass
class Upload:
    """One request, how it is sent, and what has come of it."""

    stream_id: int
    kind: str  # http, Echo or Count
    size: int
    frame: int  # most octets of content in one DATA frame
    pad: int
    announced: bool
    window: int
    sent: int = 0
    code: str = ""
    over: bool = False

    def __post_init__(self) -> None:
        """What it sends in all."""
        self.body = bytes(self.size) if self.kind == "http" else message(bytes(self.size))

    def head(self) -> list[tuple[str, str]]:
        """Its header fields."""
        if self.kind != "http":
            return request(f"/test.Test/{self.kind}")
        length = [("content-length", str(self.size))] if self.announced else []
        return [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "x"), *length]


class Client:
    """Sends requests as its windows allow, and no octet more."""

    def __init__(self, stage: Stage, config: ServerConfig) -> None:
        self.stage = stage
        self.peer = RawPeer.recorded()
        self.pipe = Pipe(stage)
        self.server = Server(Service().lookup, http=count, config=config)
        preamble = Preamble(self.server._share(stage.loop))
        self.pipe.set_protocol(preamble)
        stage.inside(preamble.connection_made, self.pipe)
        self.window = 65_535
        self.initial = config.initial_stream_window
        self._decoder = Decoder(max_list_size=1 << 16)
        self._read = 0
        wide = encode_settings({INITIAL_WINDOW_SIZE: 1 << 30}) + frames.window_update(0, 1 << 30)
        self.pipe.feed(opening() + wide + ACKNOWLEDGED)
        stage.settle()

    def run(self, uploads: list[Upload]) -> None:
        """Send them all, a frame of each in turn, until all are over; fails where nothing goes on any more."""
        for each in uploads:
            self.peer.headers(each.stream_id, each.head())
        waiting = list(uploads)
        while waiting:
            going = [each for each in waiting if self._step(each)]
            self._exchange(uploads)
            waiting = [each for each in waiting if not each.over]
            if waiting and not going and not any(self._may_go(each) for each in waiting):
                stuck = [(each.kind, each.size, each.sent, each.window, self.window) for each in waiting]
                pytest.fail(f"nothing goes on: (kind, size, sent, window, connection's window): {stuck}")

    def _may_go(self, upload: Upload) -> bool:
        return min(upload.window, self.window) > 0

    def _step(self, upload: Upload) -> bool:
        """Send one frame of it, if that may be."""
        body = upload.body
        left = len(body) - upload.sent
        if upload.sent == -1 or (left and not self._may_go(upload)):
            return False
        room = min(upload.window, self.window)
        around = upload.pad + 1 if upload.pad and left and room > upload.pad + 1 else 0
        size = min(left, upload.frame, room - around) if left else 0
        payload = body[upload.sent : upload.sent + size]
        upload.sent += size
        upload.window -= size + around
        self.window -= size + around
        flags = frames.END_STREAM if upload.sent == len(body) else 0
        if around:
            payload = bytes((upload.pad,)) + payload + bytes(upload.pad)
            flags |= frames.PADDED
        self.peer.send(frames.DATA, flags, upload.stream_id, payload)
        if flags & frames.END_STREAM:
            upload.sent = -1
        return True

    def _exchange(self, uploads: list[Upload]) -> None:
        assert isinstance(self.peer.writer, Record)
        said, self.peer.writer.written = bytes(self.peer.writer.written), bytearray()
        self.pipe.feed(said)
        self.stage.settle()
        by_id = {each.stream_id: each for each in uploads}
        for kind, flags, stream_id, payload in self._frames():
            if kind == frames.WINDOW_UPDATE:
                increment = frames.UINT32.unpack(payload)[0]
                if stream_id:
                    by_id[stream_id].window += increment
                else:
                    self.window += increment
            elif kind == frames.HEADERS:
                fields = dict(self._decoder.decode(payload))
                upload = by_id[stream_id]
                upload.code = (fields.get(b"grpc-status") or fields.get(b":status", b"")).decode() or upload.code
                upload.over |= bool(flags & frames.END_STREAM)
            elif kind == frames.DATA:
                by_id[stream_id].over |= bool(flags & frames.END_STREAM)
            elif kind == frames.GOAWAY:
                pytest.fail(f"the connection was ended: {payload!r}")

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        written = self.pipe.written
        while len(written) - self._read >= 9:
            high, low, kind, flags, stream_id = struct.unpack_from(">HBBBL", written, self._read)
            start = self._read + 9
            self._read = start + (high << 8 | low)
            yield kind, flags, stream_id, bytes(written[start : self._read])

    def leave(self) -> None:
        """Hang up; nothing may be left."""
        self.pipe.hang_up()
        self.stage.settle()
        self.stage.start(self.server.close())
        self.stage.settle()
        self.stage.check_rest()


def expected(upload: Upload, limit: int) -> str:
    """Its status."""
    if upload.kind == "http":
        return "200" if upload.size <= limit else "413"
    return "0" if upload.size <= limit else str(Code.RESOURCE_EXHAUSTED.value)


@st.composite
def cases(draw: st.DrawFn) -> tuple[ServerConfig, int, list[Upload]]:
    """Settings, their limit, and uploads whose sizes are near something."""
    limit = draw(st.sampled_from([0, 1, 5, 100, 1_000, 1_024, 5_000, 65_535, 65_536, 70_000, 131_070, 131_072]))
    window = draw(st.sampled_from([1, 5, 6, 10, 100, 999, 1_000, 1_024, 4_096, 65_535, 65_536]))
    widest = window * draw(st.sampled_from([1, 2, 3, 16]))
    budget = draw(st.sampled_from([0, limit // 2, limit, limit + limit // 2, 1 << 26]))
    near = [0, window // 2, window, 2 * window, limit // 2, limit, limit + window]

    def upload(number: int) -> Upload:
        size = max(0, draw(st.sampled_from(near)) + draw(st.integers(-3, 3)))
        frame = max(draw(st.sampled_from([1, 7, 100, 1_000, 8_191, 16_000])), size // 40 + 1)
        pad = draw(st.sampled_from([0, 0, 0, 1, 200])) if window > 300 else 0
        kind = draw(st.sampled_from(["http", "http", "Echo", "Count"]))
        return Upload(2 * number + 1, kind, size, frame, pad, draw(st.booleans()), window)

    uploads = [upload(number) for number in range(draw(st.integers(1, 6)))]
    config = ServerConfig(
        max_message_size=limit,
        initial_stream_window=window,
        max_stream_window=widest,
        receive_budget=budget,
        connection_window=65_535,
        flood_allowance=1_000_000,
    )
    return config, limit, uploads


def one(
    limit: int, window: int, *uploads: tuple[str, int, int, bool], budget: int = 400_000, pad: int = 0
) -> tuple[ServerConfig, int, list[Upload]]:
    """A case by hand: kind, size, frame, whether its length is announced."""
    config = ServerConfig(
        max_message_size=limit, initial_stream_window=window, max_stream_window=1 << 20, receive_budget=budget
    )
    made = [
        Upload(2 * number + 1, kind, size, frame, pad, announced, window)
        for number, (kind, size, frame, announced) in enumerate(uploads)
    ]
    return config, limit, made


MIB = 1 << 20


@settings(deadline=None, phases=(Phase.explicit, Phase.generate), max_examples=settings().max_examples * 3 // 5)
@given(cases())
@example(one(4 * MIB, 65_535, ("http", 3_768_440, 16_384, True)))
@example(one(4 * MIB, 65_535, ("http", 4 * MIB, 16_384, True)))
@example(one(4 * MIB, 65_535, ("http", 4 * MIB + 1, 16_384, False)))
@example(one(4 * MIB, 65_535, ("http", 5 * MIB, 16_384, False)))
@example(one(300_000, 65_535, *[("http", 300_000, 16_384, False)] * 5))
@example(one(300_000, 65_535, *[("http", 200_000, 16_384, True)] * 5))
@example(one(4 * MIB, 65_535, ("Echo", 4 * MIB, 16_384, False)))
@example(one(1_024, 1_024, *[("http", 2_048, 8_191, False)] * 2, budget=1_024, pad=1))  # no room for a larger window
def test_an_upload_is_never_left_without_a_window(case: tuple[ServerConfig, int, list[Upload]]) -> None:
    """Over HTTP and gRPC, with and without a length, alone and beside others that use up the budget."""
    config, limit, uploads = case
    with Stage() as stage:
        client = Client(stage, config)
        client.run(uploads)
        assert [each.code for each in uploads] == [expected(each, limit) for each in uploads]
        client.leave()


LIMIT = 100_000


@pytest.mark.parametrize("window", [1_000, 16_384, 65_535, 65_536])
@pytest.mark.parametrize("frame", [16_384, 65_536])
async def test_answers_and_requests_of_any_size_between_our_own_ends(service: Service, window: int, frame: int) -> None:
    """Both directions, by calls and by streams: as large as may be arrives, one byte more is refused."""
    server_config = ServerConfig(max_message_size=LIMIT, initial_stream_window=window, max_frame_size=frame)
    client_config = ChannelConfig(max_message_size=LIMIT, initial_stream_window=window, max_frame_size=frame)
    near = {0, window // 2, window, 2 * window, frame, LIMIT // 2, LIMIT}
    sizes = sorted({size + more for size in near for more in range(-6, 2) if size + more >= 0})
    async with (
        Server(service.lookup, config=server_config) as server,
        Channel(await server.listen("127.0.0.1:0"), config=client_config) as channel,
    ):
        for size in sizes:
            if size > LIMIT:
                with pytest.raises(StatusError) as caught:
                    await channel.unary("/test.Test/Echo", bytes(size))
                assert caught.value.status.code is Code.RESOURCE_EXHAUSTED
                continue
            assert await channel.unary("/test.Test/Echo", bytes(size)) == bytes(size)
            async with channel.open("/test.Test/Chat") as call:
                await call.send(bytes(size))
                assert await call.receive() == bytes(size)
                await call.send(bytes(size))
                await call.end()
                assert await call.receive() == bytes(size)
                assert await call.receive() is None
