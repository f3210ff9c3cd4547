"""The streams of a server's connection at their edges: refused ones, ended ones, and frames that come too late."""

import asyncio
from time import monotonic
from typing import Final

from prism.wire.config import ServerConfig
from prism.wire.grpc import heads
from prism.wire.grpc.fields import MALFORMED, Fields
from prism.wire.grpc.metadata import EMPTY_METADATA
from prism.wire.grpc.status import Code, Refusal, Status
from prism.wire.http2 import frames
from prism.wire.http2.connection import BITE, Connection
from prism.wire.http2.frames import END_STREAM, ConnectionFault, ErrorCode, StreamFault
from prism.wire.server.local_reply import Refusals
from prism.wire.server.served_stream import ServedStream

_FORGOTTEN_KEPT: Final = 1000
_PROVEN: Final = 100  # calls completed, and twice as many as there were frames that cost work and carried none
_GAPS_KEPT: Final = 16


class ServerStreams(Connection[ServedStream]):
    """What a server's connection remembers of streams, and how it ends those that get no handler."""

    def __init__(
        self,
        config: ServerConfig,
        loop: asyncio.AbstractEventLoop,
        opening: bytes,
        known_fields: Fields,
        refusals: Refusals,
    ) -> None:
        super().__init__(config, loop, opening)
        self.refusals = refusals
        self._known = known_fields
        self._proven = False
        self._charged = 0
        self._draining = False
        self._reply_budget = config.reply_budget
        self._forgotten: dict[int, None] = {}  # streams that we ended and the client may not know of yet
        self._gaps: list[range] = []  # streams that the client passed over

    def _close_if_drained(self) -> None:
        raise NotImplementedError

    def _share(self) -> int:
        if self._completed >= _PROVEN and self._completed >= 2 * self._charged:
            self._proven = True
            return BITE
        return super()._share()

    def _charge(self, cost: int = 1) -> None:
        self._charged += cost
        if 2 * self._charged > self._completed:
            self._proven = False
        super()._charge(cost)

    def _note_id(self, stream_id: int) -> None:
        """The client has opened a stream and passed over others."""
        if len(self._gaps) < _GAPS_KEPT:
            self._gaps.append(range(self._last_id + 2, stream_id, 2))

    def write_headers(self, stream_id: int, block: bytes, *, end_stream: bool) -> None:
        """Send a header block."""
        self.write(self.header_frames(stream_id, block, end_stream=end_stream))

    def header_frames(self, stream_id: int, block: bytes, *, end_stream: bool) -> bytes:
        """A header block as frames that the peer takes."""
        return frames.headers(stream_id, block, end_stream=end_stream, max_frame_size=self._peer_frame_size)

    def overfull(self, size: int) -> bool:
        """Whether an answer of so many bytes is more than may wait for the client, beside those that do."""
        return self._backlog > 0 and self._backlog + size > self._reply_budget

    @property
    def trailers_room(self) -> int:
        """The longest header list that the peer takes."""
        return self._peer_max_header_list

    def now(self) -> float:
        """The clock of deadlines."""
        return monotonic()

    def sent(self, stream: ServedStream) -> None:
        """The response is complete."""
        self._completed += 1
        if not stream.remote_ended:
            # The client may stop sending: nobody listens (RFC 9113 section 8.1).
            self.write(frames.rst_stream(stream.stream_id, ErrorCode.NO_ERROR))
        self.abandon(stream)

    def abandon(self, stream: ServedStream) -> None:
        """Drop a stream that we ended; what the client has on its way for it is ignored."""
        if not stream.remote_ended:
            self._remember(stream.stream_id)
        self.forget(stream)
        if self._draining:
            self._close_if_drained()

    def _remember(self, stream_id: int) -> None:
        forgotten = self._forgotten
        forgotten[stream_id] = None
        if len(forgotten) > _FORGOTTEN_KEPT:
            del forgotten[next(iter(forgotten))]

    def _reject(self, stream_id: int, end_stream: int, status: Status, head: bytes = heads.RESPONSE_HEAD) -> None:
        """Answer a request at once with a status."""
        if status.refusal is not None:
            status = self.refusals.status(status)
        block = head + heads.trailers(status, EMPTY_METADATA, self._peer_max_header_list)
        if status.code is Code.UNIMPLEMENTED:
            block += heads.ACCEPT_ENCODING
        self.write_headers(stream_id, block, end_stream=True)
        if not end_stream:
            self.write(frames.rst_stream(stream_id, ErrorCode.NO_ERROR))
            self._remember(stream_id)

    def _refuse(self, stream_id: int, end_stream: int) -> None:
        """The client may repeat the request elsewhere or later: nothing of it has been done."""
        self._charge()
        self.write(frames.rst_stream(stream_id, ErrorCode.REFUSED_STREAM))
        if not end_stream:
            self._remember(stream_id)

    def _refuse_headers(self, stream_id: int, end_stream: int) -> None:
        status = Status(
            Code.RESOURCE_EXHAUSTED,
            f"the headers are over the limit of {self._config.max_header_list_size} bytes: send fewer or shorter ones",
            refusal=Refusal.HEADERS_TOO_LARGE,
        )
        self._reject(stream_id, end_stream, status, heads.TOO_LARGE_HEAD)

    def _late_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        """HEADERS that open no stream: a request's trailers, what crossed our reset, or a fault."""
        if not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"clients open odd streams, not {stream_id}")
        stream = self._streams.get(stream_id)
        if stream is None and stream_id not in self._forgotten:
            if any(stream_id in gap for gap in self._gaps):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"stream {stream_id} was passed over")
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"HEADERS on closed stream {stream_id}")
        pairs = self._decode(stream_id, block)
        if stream is None:
            self._charge()
            if end_stream:
                self._forgotten.pop(stream_id, None)
            return
        if stream.remote_ended:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "HEADERS behind END_STREAM")
        if not end_stream or pairs is None or any(name[:1] == b":" for name, _ in pairs):
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "malformed trailers")
        if any(self._known[pair][0] == MALFORMED for pair in pairs):
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "malformed trailers")
        # gRPC requests have no trailers of meaning; like an empty DATA frame they end the stream.
        self._on_data(stream_id, END_STREAM, b"", 0, 0)

    def _late_data(self, stream_id: int, flags: int, length: int) -> None:
        if stream_id in self._forgotten:
            if flags & END_STREAM:
                del self._forgotten[stream_id]
            elif not length:
                self._charge()
        elif self._is_idle_id(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"DATA on idle stream {stream_id}")
        else:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "DATA on a closed stream")

    def _is_idle_id(self, stream_id: int) -> bool:
        return stream_id > self._last_id or not stream_id & 1

    def _reset(self, fault: StreamFault) -> None:
        stream = self._streams.get(fault.stream_id)
        if stream is not None and not stream.remote_ended:
            self._remember(fault.stream_id)
        super()._reset(fault)
