"""What a client says before it knows of a call: the opening of a connection, and the head of each method's requests."""

from typing import TYPE_CHECKING, Final

from prism.wire.config import ChannelConfig
from prism.wire.grpc.compression import ACCEPTED
from prism.wire.hpack.encoder import encode
from prism.wire.http2 import frames
from prism.wire.http2.frames import DEFAULT_WINDOW, PREFACE

if TYPE_CHECKING:
    from prism.wire.client.channel import Channel

_KEPT: Final = 1024


class RequestHeads(dict[str, bytes]):
    """By path, the fields that all requests of a method begin with, made once. When full it starts over."""

    def __init__(self, channel: "Channel") -> None:
        authority, config = channel.authority, channel.config
        self._before = ((b":method", b"POST"), (b":scheme", b"http" if channel.tls is None else b"https"))
        self._behind = (
            (b":authority", authority.encode("ascii")),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            (b"user-agent", config.user_agent.encode("ascii")),
            (b"grpc-accept-encoding", ACCEPTED),
        )

    def __missing__(self, path: str) -> bytes:
        block = encode((*self._before, (b":path", path.encode("ascii")), *self._behind))
        if len(self) >= _KEPT:
            self.clear()
        self[path] = block
        return block


def opening(config: ChannelConfig) -> bytes:
    """The preface and the frames that every connection begins with."""
    values = {
        frames.ENABLE_PUSH: 0,
        frames.MAX_HEADER_LIST_SIZE: config.max_header_list_size,
        frames.INITIAL_WINDOW_SIZE: config.initial_stream_window,
        frames.MAX_FRAME_SIZE: config.max_frame_size,
    }
    start = PREFACE + frames.settings(values)
    if config.connection_window > DEFAULT_WINDOW:
        start += frames.window_update(0, config.connection_window - DEFAULT_WINDOW)
    return start
