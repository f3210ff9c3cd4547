"""A plain HTTP request and its response on a stream of HTTP/2."""

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic
from typing import Final

from prism.wire.config import SLOWEST
from prism.wire.grpc.inbox import BadMessage
from prism.wire.grpc.request_head import Unusual
from prism.wire.grpc.status import Code, LocalReply, Status
from prism.wire.hpack.encoder import encode
from prism.wire.http.message import AnswerCutOff, HttpHandler, HttpRequest, HttpResponse, response_fields
from prism.wire.http.message_body import BodyMessages, MessageBody
from prism.wire.http.raw_body import RawBody
from prism.wire.http2.frames import ErrorCode, StreamFault, rst_stream
from prism.wire.http2.stream import END_WITH_DATA
from prism.wire.server.served_stream import ServedStream, ServingConnection

_log = logging.getLogger("prism.wire")

NEVER: Final = float("inf")
_OK: Final = 200
_LEAVE_TIME: Final = 0.5
"""Seconds that a client has to end a request which is answered and not read, before it is reset: clients that get the
reset together with the answer take it for the failure of both."""
_CONTINUE: Final = encode([(b":status", b"100")])
_TOO_LARGE: Final = Status(Code.RESOURCE_EXHAUSTED, "the request's body is over the limit of this server")
_HTTP_STATUS: Final = {Code.RESOURCE_EXHAUSTED: 413, Code.UNAVAILABLE: 503, Code.DEADLINE_EXCEEDED: 408}


class Body:
    """Receives a request's body, whole and within a limit.

    It is kept whole, so its window is opened for all that may still come: what was announced, or one byte beyond the
    limit, by which too large a body shows. The budget gives it room as a whole too: bodies that come side by side
    would each get a part of it, and then wait for each other.
    """

    __slots__ = ("_announced", "_begun", "_limit", "_size", "_whole", "held", "missing", "opened", "target", "window")

    waiter: Final = None

    def __init__(self, window: int, limit: int, announced: int) -> None:
        """`announced` is its length; -1 where it is not known."""
        self.window = window
        self.target = window
        self.opened = 0.0
        self.held = 0
        self._begun = monotonic()
        self.missing = max(0, announced)
        self._announced = announced >= 0
        self._limit = limit
        self._size = 0
        self._whole = bytearray()

    def feed(self, data: bytes, start: int, stop: int) -> None:
        """Take a piece. Raises `BadMessage` where there are too many."""
        self._size += stop - start
        if self._size > self._limit:
            raise BadMessage(_TOO_LARGE)
        if self._announced:
            self.missing -= stop - start
        self._whole += data[start:stop]

    def end(self) -> None:
        """There is no more."""

    def stored(self) -> int:
        """The bytes received."""
        return self._size

    def wanted(self) -> int:
        """What is missing in the window to all that may still come."""
        rest = self.missing if self._announced else self._limit + 1 - self._size
        return max(0, rest - self.window)

    def overdue(self, now: float, timeout: float) -> bool:
        """Whether it takes too long."""
        return now - self._begun >= timeout + self._size / SLOWEST

    def whole(self) -> bytes:
        """The body."""
        return bytes(self._whole)


class HttpExchange(ServedStream):
    """One exchange: collects the request, runs the handler, sends the response.

    The handler of a request whose `receiver` is a `MessageBody` runs from the beginning.
    """

    __slots__ = ("_given", "_handler", "_head_sent", "_leaving", "_request", "_sized", "_taken", "path")

    receiver: Body | MessageBody | None

    def __init__(
        self,
        connection: ServingConnection,
        stream_id: int,
        send_window: int,
        handler: HttpHandler,
        request: HttpRequest,
        unusual: Unusual,
        receiver: Body | MessageBody,
    ) -> None:
        self.connection = connection
        self.stream_id = stream_id
        self.send_window = send_window
        self.content_length = unusual.content_length
        self.receiver = receiver
        self.outbox = None
        self.bucket = None
        self.task = None
        self.opened = request.begun
        self.expires = NEVER
        self.reserved = 0
        self.eager = False
        self.ended = False
        self.remote_ended = False
        self._handler = handler
        self.path = request.path
        self._request = request
        self._head_sent = False
        self._leaving: asyncio.TimerHandle | None = None  # the answer has gone, and the request goes on
        self._sized = False  # the length of the answer has been said
        self._given = 0  # bytes of the answer that the handler has made
        self._taken = (0, 0.0)  # those of them that the client had taken at the last look that found more, and when
        if isinstance(receiver, RawBody):
            request.pieces = BodyMessages(receiver, partial(self._next_piece, receiver))
        elif isinstance(receiver, MessageBody):
            request.messages = BodyMessages(receiver, partial(connection.receiving.next_message, self, receiver))

    def on_data(self) -> None:
        """The body has been fed: start the handler once it is whole."""
        if self._leaving is not None:
            if self.remote_ended:
                self._leave()
            return
        body = self.receiver
        if self.remote_ended and isinstance(body, Body):
            self.receiver = None
            self._request.body = body.whole()
            self.begin()

    def begin(self) -> None:
        """Start the handler."""
        self.task = self.connection.shared.loop.create_task(self._run())

    def on_end(self) -> None:
        """The request has no body."""
        if self.content_length > 0:
            raise StreamFault(
                self.stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the client announced a body on stream {self.stream_id} by its content-length "
                "and sent no DATA",
            )
        self.remote_ended = True
        if self.receiver is not None:
            self.receiver.end()
        self.on_data()

    async def _next_piece(self, body: RawBody) -> bytes | None:
        """The next bytes of the body; None where there are no more."""
        if not body.begun:
            body.begun = True
            if not self._head_sent and str(self._request.headers.get("expect", "")).lower() == "100-continue":
                self.connection.output.write_headers(self.stream_id, _CONTINUE, end_stream=False)
        return await self.connection.receiving.next_message(self, body)

    def overdue(self, now: float, timeout: float) -> bool:
        """As of every stream; and whether a client takes nothing of an answer whose length it knows."""
        if super().overdue(now, timeout):
            return True
        outbox = self.outbox
        if not self._sized or outbox is None or not outbox.size:
            self._taken = (0, 0.0)
            return False
        taken, since = self._taken
        if self._given - outbox.size != taken:
            self._taken = (self._given - outbox.size, now)
            return False
        return now - since >= timeout

    def on_sent(self) -> None:
        """The answer is complete; the client may be sending still."""
        body = self.receiver
        if self.remote_ended or not isinstance(body, RawBody):
            super().on_sent()
        else:
            body.discard()
            self._leaving = self.connection.shared.loop.call_later(_LEAVE_TIME, self._leave)

    def _leave(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            if not self.ended:
                super().on_sent()

    def abort(self, status: Status) -> None:
        """End the exchange now."""
        if self.ended:
            return
        if self._leaving is not None:
            self._leave()
            return
        begun = not isinstance(self.receiver, Body)
        self.cancel_handler()
        code = _HTTP_STATUS.get(status.code, 500)
        reply = self._local_reply(code, status.message, status.local_reply, begun=begun)
        if not self._head_sent:
            self._send(reply)
        elif (
            not self._sized
            and reply.status == _OK
            and isinstance(reply.body, bytes)
            and not (self.outbox and self.outbox.size)
        ):
            # It is the end that a stream of this kind may have at any time.
            self.connection.output.enqueue(self, b"", reply.body, END_WITH_DATA)
        else:
            self._break_off()

    def give_up(self, status: Status) -> None:
        """Answer with the status, if nothing of an answer has gone."""
        self.abort(status)

    def on_reset(self, code: ErrorCode) -> None:  # noqa: ARG002 - it ends alike for any reason
        """The client gave up."""
        self._leave()
        self.cancel_handler()

    def on_lost(self, reason: str) -> None:  # noqa: ARG002 - there is no caller here to get it
        """The connection is gone."""
        self._leave()
        self.cancel_handler()

    async def _run(self) -> None:
        try:
            response = await self._handler(self._request)
            if isinstance(response.body, bytes):
                self._send(response)
            else:
                await self._stream(response, response.body)
        except asyncio.CancelledError:
            self.task = None
            if self.outbox is None or self.outbox.final is None:
                self.abort(Status(Code.UNAVAILABLE, "the handler was cancelled"))
        except AnswerCutOff:
            self.task = None
            if not self.ended:
                self._break_off()
        except Exception as error:  # noqa: BLE001 - a handler's failure is its exchange's, whatever it is
            _log.error(
                "the HTTP handler of path %s failed with an unexpected error, and the request with it; this is a "
                "defect in Prism: report it with the traceback below",
                self.path,
                exc_info=error,
            )
            self.task = None
            self.abort(Status(Code.INTERNAL, "the handler failed: the server's log says why"))

    def _send(self, response: HttpResponse) -> None:
        """Send a response whose body is known."""
        if self.ended:
            return
        if isinstance(response.body, bytes) and self.connection.admission.overfull(len(response.body)):
            response = self._local_reply(
                503, "Too many replies are unread: read those that came, or make fewer requests at once."
            )
        body = response.body if isinstance(response.body, bytes) else b""
        if self._request.method == "HEAD":
            body = b""
        self._send_head(response, end_stream=not body)
        if body:
            self.connection.output.enqueue(self, b"", body, END_WITH_DATA)
        else:
            self.on_sent()

    def _local_reply(
        self, code: int, message: str, refusal: LocalReply | None = None, *, begun: bool = True
    ) -> HttpResponse:
        content_type = str(self._request.headers.get("content-type", ""))
        return self.connection.shared.local_replies.response(code, message, content_type, refusal, begun=begun)

    async def _stream(self, response: HttpResponse, body: AsyncIterator[bytes]) -> None:
        try:
            if self.ended:
                return
            self._send_head(response, end_stream=False)
            if self._request.method != "HEAD":
                async for piece in body:
                    if self.ended:
                        return
                    if piece:
                        self._given += len(piece)
                        await self.connection.output.transmit(self, b"", piece)
                if response.length not in (None, self._given) and not self.ended:
                    raise RuntimeError(f"the answer has {self._given} bytes and was to have {response.length}")
            if not self.ended:
                self.connection.output.finish(self, END_WITH_DATA)
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()

    def _send_head(self, response: HttpResponse, *, end_stream: bool) -> None:
        self._head_sent = True
        self._sized = response.length is not None
        fields = [(b":status", str(response.status).encode())]
        fields += response_fields(response)
        self.connection.output.write_headers(self.stream_id, encode(fields), end_stream=end_stream)

    def _break_off(self) -> None:
        """The client must not take what it has got for the whole."""
        self.connection.output.write(rst_stream(self.stream_id, ErrorCode.INTERNAL_ERROR))
        self.connection.abandon(self)
