"""The guard against floods: what it ends is told why, and honest clients never meet it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from prism.wire import Channel, Code, Deadline, Server, ServerConfig, StatusError
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from wire.hostile.attack import cancel, send
from wire.raw_peer import RawPeer, request
from wire.service import Service

ALLOWANCE = 50


@pytest.fixture
async def server(service: Service) -> AsyncIterator[Server]:
    """A server whose clients earn nothing by waiting."""
    async with Server(service.lookup, config=ServerConfig(flood_allowance=ALLOWANCE, flood_refill=0)) as server:
        yield server


@pytest.mark.parametrize("kind", ["unary", "stream", "stream that has sent something"])
async def test_calls_that_run_out_of_time_cost_nothing(server: Server, channel: Channel, kind: str) -> None:
    """However many there are: a stream beside them goes on, on the very same connection."""
    async with channel.open("/test.Test/HangStream") as beside:
        await beside.send(b"")
        await beside.end()
        assert await beside.receive() == b"first"
        for _ in range(3):
            late = await asyncio.gather(*(run_late(channel, kind) for _ in range(ALLOWANCE)))
            assert set(late) == {Code.DEADLINE_EXCEEDED}
        assert server.connections == 1
        assert await channel.unary("/test.Test/Echo", b"x") == b"x"
    assert server.terminations == {}


async def run_late(channel: Channel, kind: str) -> Code:
    """The code of a call whose deadline passes."""
    deadline = Deadline.after(0.3)
    try:
        if kind == "unary":
            await channel.unary("/test.Test/Hang", b"", deadline=deadline)
        else:
            path = "/test.Test/HangStream" if "sent" in kind else "/test.Test/Ignore"
            async with channel.open(path, deadline=deadline) as call:
                await call.send(b"")
                await call.end()
                while await call.receive() is not None:
                    pass
    except StatusError as error:
        return error.status.code
    return Code.OK


async def test_resets_by_a_client_whose_deadline_passes_a_moment_before(server: Server, address: str) -> None:
    """Its clock and the network decide who is first: nothing is charged for either."""
    async with await RawPeer.connect(address) as peer:
        timed = [*request("/test.Test/Hang"), ("grpc-timeout", "30m")]
        last = 2 * 5 * ALLOWANCE
        for first in range(1, last, 2 * ALLOWANCE):
            some = range(first, first + 2 * ALLOWANCE, 2)
            for stream_id in some:
                peer.headers(stream_id, timed)
                peer.send(frames.DATA, frames.END_STREAM, stream_id, bytes(5))
            peer.send(frames.PING, 0, 0, bytes(8))
            await peer.until(frames.PING)  # it has read them all
            await asyncio.sleep(0.022)  # the deadline itself: 30 ms less the network's way and the clocks' difference
            await send(peer, [cancel(each) for each in some])
        peer.call(last + 1, payload=b"still here")
        _, body, trailers = await peer.answer(last + 1)
        assert (body[5:], trailers["grpc-status"]) == (b"still here", "0")
    assert server.terminations == {}


async def test_what_a_flood_ends_is_told_why(server: Server, address: str, caplog: pytest.LogCaptureFixture) -> None:
    """The calls of its connection end with a status, the connection with GOAWAY; it is counted, and logged once."""
    for _ in range(2):
        async with await RawPeer.connect(address) as peer:
            peer.call(1, "/test.Test/Hang")
            peer.call(3, "/test.Test/HangStream")
            await peer.until(frames.DATA, 3)
            for _ in range(2 * ALLOWANCE):
                peer.send(frames.PING, 0, 0, bytes(8))
            ended = {}
            while len(ended) < 2:
                frame = await peer.until(frames.HEADERS)
                ended[frame.stream_id] = peer.fields(frame)
            for fields in ended.values():
                assert fields["grpc-status"] == str(Code.UNAVAILABLE.value)
                assert "too many frames without content" in fields["grpc-message"]
            assert await peer.goaway() is ErrorCode.ENHANCE_YOUR_CALM
            await peer.ended()
    assert server.terminations == {"connection": 2}
    assert [each.getMessage() for each in caplog.records if "was ended" in each.getMessage()] != []
    assert len(caplog.records) == 1


async def test_a_trusted_client_is_not_guarded_against(service: Service) -> None:
    """As a gateway at its plugin: it passes on what others cancel."""
    async with (
        Server(service.lookup, config=ServerConfig(flood_allowance=None)) as server,
        await RawPeer.connect(await server.listen("127.0.0.1:0")) as peer,
    ):
        answered = asyncio.create_task(peer.until(frames.HEADERS, 1))
        await send(peer, [frames.frame(frames.PING, 0, 0, bytes(8))] * 5000)
        peer.call(1)
        await answered
