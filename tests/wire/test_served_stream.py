"""What becomes of a handler whose client gives up, however early."""

from prism.wire import Server
from prism.wire.http2 import frames
from prism.wire.http2.frames import UINT32, ErrorCode
from wire.raw_peer import RawPeer, message

CANCEL = UINT32.pack(ErrorCode.CANCEL)


async def test_calls_cancelled_before_their_first_step_leave_nothing(address: str, server: Server) -> None:
    """A call whose reset comes in the same read is over, though its handler never ran; the server can drain."""
    async with await RawPeer.connect(address) as peer:
        for stream_id in range(1, 41, 2):
            peer.call(stream_id)
            peer.send(frames.RST_STREAM, 0, stream_id, CANCEL)
        peer.call(41)
        _, body, _ = await peer.answer(41)
        assert body == message(b"x")
        assert server.calls == 0
    await server.drain(10)
    assert server.connections == 0
