"""HTTP/1.1 for plain HTTP requests: h11 reads and writes it, this module moves the bytes and runs the handler."""

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic
from typing import Final, cast

import h11

from prism.wire.grpc.inbox import BadMessage
from prism.wire.grpc.status import Code, LocalReply, Status, StatusError
from prism.wire.http.http1_request import Http1Request, Rejected
from prism.wire.http.message import AnswerCutOff, HttpRequest, HttpResponse, response_fields
from prism.wire.http.message_body import BodyMessages, MessageBody
from prism.wire.http.raw_body import RawBody
from prism.wire.peer import Peer
from prism.wire.server.drain import HALF_SENT
from prism.wire.server.shared import ServerShared
from prism.wire.unsent import unsent

_log = logging.getLogger("prism.wire")

_MAX_PIPELINED: Final = 64 * 1024  # bytes of further requests taken in while one is answered
_MOST_UNREAD: Final = 64 * 1024  # bytes of messages that wait for their reader
_MOST_DISCARDED: Final = 64 * 1024  # bytes of a body that is not read, which are taken so that the connection stays
_EVENTS_PER_TURN: Final = 32
_IDLE_TIMEOUT: Final = 75.0  # seconds that a connection may wait for its next request
_LATE: Final = "a message did not come whole in time: send it faster, or less at once"
_INCOMPLETE: Final = "The request did not come whole in time: send it faster, or less at once."
_STOPPING: Final = (
    "The server is shutting down, and the request had not come whole: send it again, or to another server."
)
_KEEPALIVE: Final = {
    getattr(socket, option): value
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))
    if hasattr(socket, option)
}
_CUT_OFF: Final = "The server is shutting down: try again, or use another server."
_FAILED: Final = "The handler failed: the server's log says why."
_LINGER_TIMEOUT: Final = 2.0  # seconds in which a refused client may read why


class Http1Connection(asyncio.Protocol):
    """One client's HTTP/1.1 connection: one request at a time."""

    def __init__(self, shared: ServerShared, peer: Peer) -> None:
        self._shared = shared
        self._peer = peer
        self._config = shared.config
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=shared.config.max_header_list_size)
        self._request: Http1Request | None = None
        self._asked: HttpRequest | None = None
        self._sized = False  # the length of the answer has been said
        self._body: MessageBody | None = None  # while one comes that is read as it comes
        self._bare: int | None = None  # bytes to come of one of known length, which h11 would only copy; 0: it is over
        self._behind = bytearray()  # what has come behind that
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._draining = False
        self._closed = False
        self._idle = False
        self._lingering = False
        self._until: float | None = None
        self._unsent = 0  # bytes that waited for the client at the last look
        self._opened = monotonic()
        # So that connections made together do not end together.
        self._age_spread = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        self._wait_until(self._config.header_timeout)

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._closed or self._lingering:
            return
        if self._bare is not None:
            self._take_bare(data)
            return
        if self._body is not None:
            pass  # what is read of it sets the pace
        elif self._task is not None:
            # A request after the one being answered: h11 keeps it, within reason.
            self._waiting_bytes += len(data)
            if self._waiting_bytes > _MAX_PIPELINED:
                self._transport.pause_reading()
        elif self._idle or self._request is not None:
            self._idle = False
            self._wait_until(self._config.header_timeout)
            if self._request is not None:
                whole = self._request.begun + self._request.time_allowed
                self._until = min(monotonic() + self._config.header_timeout, whole)
        self._h11.receive_data(data)
        self._advance()

    def pause_writing(self) -> None:
        self._writable.clear()
        self._wait_until(self._config.write_timeout)

    def resume_writing(self) -> None:
        self._writable.set()
        self._until = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._closed = True
        self._shared.transports.lost(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()
        else:
            self._shared.on_closed(self)

    # A request.

    def _advance(self) -> None:
        """Take the events that have become complete, some at a time: a read may hold thousands of tiny chunks."""
        events = 0
        try:
            while (self._task is None or self._body is not None) and not self._closed and not self._lingering:
                if self._bare is not None:
                    return
                if self._body is not None and self._body.held >= _MOST_UNREAD:
                    self._body.window = 0
                    self._transport.pause_reading()
                    return
                if events == _EVENTS_PER_TURN:
                    self._waiting_bytes += 1  # so that reading goes on after the last
                    self._transport.pause_reading()
                    self._shared.loop.call_soon(self._advance)
                    return
                events += 1
                event = self._h11.next_event()
                if isinstance(event, h11.Request):
                    self._begin(Http1Request(event, self._config))
                elif isinstance(event, h11.Data) and self._body is not None:
                    self._body.feed(bytes(event.data), 0, len(event.data))
                elif isinstance(event, h11.Data) and self._request is not None:
                    self._request.take(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage) and self._body is not None:
                    self._body.end()
                    self._body = None
                elif isinstance(event, h11.EndOfMessage) and self._request is not None and self._asked is not None:
                    self._asked.body = self._request.body
                    self._start(self._asked)
                elif event is h11.NEED_DATA:
                    if self._waiting_bytes:
                        # Not before: each answer would let in more than the one request that it makes room for.
                        self._waiting_bytes = 0
                        self._transport.resume_reading()
                    if not isinstance(self._body, RawBody):
                        self._ask_to_send()
                    return
                else:
                    self.close()
        except h11.RemoteProtocolError as error:
            if self._body is None:
                self._refuse(error.error_status_hint, f"The request is not HTTP: {error}.")
            else:
                self._break_body(Status(Code.INVALID_ARGUMENT, f"the request is not HTTP: {error}"))
        except Rejected as rejected:
            self._refuse(rejected.status, rejected.message)

    def _begin(self, request: Http1Request) -> None:
        """There is a head. Raises `Rejected`."""
        self._request = request
        request.check(served=self._shared.http is not None)
        asked = self._asked = request.read(self._shared.known_fields, self._peer)
        asked.length = request.length
        if self._shared.raw_bodies is not None and asked.length != 0 and self._shared.raw_bodies(asked):
            self._begin_raw(asked)
            return
        bodies = self._shared.message_bodies
        encoding = None if bodies is None else bodies(asked)
        if encoding is None:
            request.check_length()
        else:
            body = self._body = MessageBody(1, self._config.max_message_size, encoding)
            asked.messages = BodyMessages(body, partial(self._next_message, body))
            self._watch_peer()
            self._start(asked)

    def _begin_raw(self, asked: HttpRequest) -> None:
        """The body is read as it comes, as bytes."""
        body = self._body = RawBody(1)
        asked.pieces = BodyMessages(body, partial(self._next_piece, body))
        if asked.length is not None:
            self._bare = asked.length
            self._transport.resume_reading()
            self._waiting_bytes = 0
            self._take_bare(self._h11.trailing_data[0])
        self._start(asked)

    def _take_bare(self, data: bytes) -> None:
        """Take what comes of a body of known length, and of what follows it."""
        body, left = self._body, self._bare or 0
        if left and body is not None:
            taken = min(left, len(data))
            self._bare = left - taken
            body.feed(data, 0, taken)
            if taken == left:
                body.end()
                self._body = None
            elif body.held >= _MOST_UNREAD:
                body.window = 0
                self._transport.pause_reading()
            data = data[taken:]
        self._behind += data
        if len(self._behind) > _MAX_PIPELINED:
            self._transport.pause_reading()

    def _ask_to_send(self) -> None:
        """The client may wait for it."""
        if self._h11.they_are_waiting_for_100_continue:
            self._put(h11.InformationalResponse(status_code=100, headers=[]))

    async def _next_piece(self, body: RawBody) -> bytes | None:
        """The next bytes of a body; None after the last."""
        if not body.begun:
            body.begun = True
            if self._body is body:
                self._ask_to_send()
        while not body.messages:
            if body.ended or self._closed:
                return None
            await body.arrival(self._shared.loop)
        piece = body.take()
        self._open(body)
        return piece

    def _open(self, body: MessageBody) -> None:
        """Let the client send more, where it was held back and enough has been read."""
        if not body.window and body.held <= _MOST_UNREAD >> 1:
            body.window = 1
            if self._body is body and self._bare is not None:
                self._transport.resume_reading()
            elif self._body is body:
                self._waiting_bytes += 1  # so that reading goes on
                self._shared.loop.call_soon(self._advance)

    async def _discard(self, body: RawBody) -> None:
        """Take the rest of a body that is answered and not read, so that the connection can stay."""
        body.discard()
        self._open(body)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.header_timeout):
                while not body.ended and not self._closed:
                    await body.arrival(self._shared.loop)

    def _watch_peer(self) -> None:
        """A client may be silent for as long as it likes; one that has died must not be waited for."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE.items():
                sock.setsockopt(socket.IPPROTO_TCP, option, value)

    async def _next_message(self, body: MessageBody) -> bytes | None:
        """The next message of a body; None after the last. Raises `StatusError` where it cannot be decompressed."""
        while not body.messages:
            if body.ended or self._closed:
                return None
            await body.arrival(self._shared.loop)
        try:
            message = body.take()
        except BadMessage as bad:
            raise StatusError(bad.status) from bad
        self._open(body)
        return message

    def _break_body(self, status: Status) -> None:
        """Nothing more can be read of the body that comes: its reader gets why, and the connection ends behind it."""
        if self._body is not None:
            self._body.fail(status)
            self._body = None
            self._draining = True
            self._transport.pause_reading()

    def _refuse(self, status: int, message: str, refusal: LocalReply | None = None) -> None:
        """Answer without a handler, and close: what the client is still sending has no place."""
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            content_type = "" if self._request is None else self._request.content_type
            response = self._shared.local_replies.response(
                status, message, content_type, refusal, begun=self._task is not None
            )
            self._put(
                h11.Response(
                    status_code=response.status, headers=[*response_fields(response), (b"connection", b"close")]
                )
            )
            if self._request is None or not self._request.asks_for_head:
                self._put(h11.Data(data=cast("bytes", response.body)))
            self._put(h11.EndOfMessage())
        self._leave_answered()

    def _leave_answered(self) -> None:
        """Close behind an answer."""
        sending = self._h11.their_state is h11.SEND_BODY if self._bare is None else self._bare
        if sending and self._transport.can_write_eof():
            # To close on what the client is still sending would take the answer from it (RFC 9112 section 9.6).
            self._lingering = True
            self._transport.resume_reading()
            self._transport.write_eof()
            self._wait_until(_LINGER_TIMEOUT)
        else:
            self.close()

    # Its answer.

    def _start(self, asked: HttpRequest) -> None:
        self._task = self._shared.loop.create_task(self._answer(asked))

    async def _answer(self, asked: HttpRequest) -> None:
        request, handler = self._request, self._shared.http
        if request is None or handler is None:
            raise RuntimeError(
                "an HTTP/1.1 request was accepted by a server without an HTTP handler; this is a defect in Prism: "
                "report it"
            )
        self._until = None
        try:
            response = await handler(asked)
            await self._respond(request, response)
        except asyncio.CancelledError:
            self._break_off(503, _CUT_OFF, LocalReply.SHUTTING_DOWN)
        except AnswerCutOff:
            self._closed = True
            self._transport.abort()
        except Exception as error:  # noqa: BLE001 - a handler's failure is its exchange's, whatever it is
            _log.error(
                "the HTTP handler of path %s failed with an unexpected error, and the request with it; this is a "
                "defect in Prism: report it with the traceback below",
                self._target(),
                exc_info=error,
            )
            self._fail()
        self._task = None
        self._body = None
        if self._closed:
            self._shared.on_closed(self)
        else:
            self._next()

    async def _respond(self, request: Http1Request, response: HttpResponse) -> None:
        fields = response_fields(response)
        rest = self._rest()
        if self._draining or (self._body is not None and rest is None):  # what is left of the body is not waited for
            fields.append((b"connection", b"close"))
        self._sized = response.length is not None
        body = response.body
        head = request.asks_for_head or response.status in (204, 304)
        if isinstance(body, bytes):
            self._put(h11.Response(status_code=response.status, headers=fields))
            if body and not head:
                self._put(h11.Data(data=body))
        else:
            async with contextlib.AsyncExitStack() as stack:
                close = getattr(body, "aclose", None)
                if close is not None:
                    stack.push_async_callback(close)
                self._put(h11.Response(status_code=response.status, headers=fields))
                if not head:
                    await self._stream(body)
        self._put(h11.EndOfMessage())
        await self._writable.wait()
        if rest is not None:
            await self._discard(rest)

    def _rest(self) -> RawBody | None:
        """The body, where so little of it is still to come that the connection need not be closed for it."""
        body = self._body
        if self._draining or not isinstance(body, RawBody) or self._h11.they_are_waiting_for_100_continue:
            return None
        return body if self._bare is not None and self._bare <= _MOST_DISCARDED else None

    async def _stream(self, body: AsyncIterator[bytes]) -> None:
        async for piece in body:
            if piece:
                self._put(h11.Data(data=piece))
                await self._writable.wait()
            if self._closed:
                return

    def _fail(self) -> None:
        if not self._closed and self._h11.our_state is h11.SEND_RESPONSE:
            self._refuse(500, _FAILED)
        else:
            self._break_off(500, _FAILED, LocalReply.HANDLER_FAILED)

    def _break_off(self, code: int, message: str, refusal: LocalReply) -> None:
        """The client must not take what it has got for the whole: a stream's own end says why, or it is cut off."""
        sending = self._h11.our_state is h11.SEND_BODY and not self._sized
        if self._request is not None and sending and not self._transport.is_closing():
            reply = self._shared.local_replies.response(code, message, self._request.content_type, refusal)
            if reply.status == 200 and isinstance(reply.body, bytes):
                self._put(h11.Data(data=reply.body))
                self._put(h11.EndOfMessage())
                self._draining = True  # what follows the answer closes behind it
                return
        self._closed = True
        self._transport.abort()

    def _next(self) -> None:
        """Be ready for the next request, where there may be one."""
        over = self._h11.their_state is h11.DONE if self._bare is None else not self._bare
        if self._h11.our_state is not h11.DONE or not over or self._draining:
            self._leave_answered()
            return
        if self._bare is None:
            self._h11.start_next_cycle()
        else:
            self._begin_anew()
        self._request = self._asked = None
        self._idle = True
        self._wait_until(self._config.idle_timeout or _IDLE_TIMEOUT)
        self._advance()

    def _begin_anew(self) -> None:
        """The next request, if it has come, stands behind a body that h11 has not seen."""
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=self._config.max_header_list_size)
        self._bare = None
        behind, self._behind = self._behind, bytearray()
        if behind:
            self._h11.receive_data(bytes(behind))
        self._waiting_bytes += 1  # so that reading goes on

    def _put(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data and not self._transport.is_closing():
            self._transport.write(data)

    # Its life.

    @property
    def calls(self) -> int:
        """How many requests are under way."""
        return 0 if self._task is None else 1

    def _wait_until(self, seconds: float) -> None:
        self._until = monotonic() + seconds

    def inspect(self, now: float) -> None:
        """Let go of a client that is silent for too long, or reads nothing."""
        age = self._shared.lifetime.max_age
        if age is not None and now - self._opened >= age * self._age_spread and not self._draining and not self._closed:
            self._leave()
        body = self._body
        if body is not None and body.overdue(now, self._config.message_timeout):
            self._shared.terminations.add("message", self._peer, f"{self._target()}: {_INCOMPLETE}")
            self._break_body(Status(Code.DEADLINE_EXCEEDED, _LATE, local_reply=LocalReply.MESSAGE_INCOMPLETE))
        if self._sized and not self._writable.is_set() and (left := unsent(self._transport)) != self._unsent:
            self._unsent = left
            self._wait_until(self._config.message_timeout)
        if self._until is None or now < self._until:
            return
        if self._request is None or self._task is not None or self._lingering or self._closed:
            self._transport.abort()
        else:
            self._shared.terminations.add("message", self._peer, f"{self._target()}: {_INCOMPLETE}")
            self._refuse(408, _INCOMPLETE)

    def _target(self) -> str:
        """For a log: without the query, which may hold what grants something."""
        return "" if self._request is None else self._request.target.partition("?")[0][:100]

    def drain(self) -> None:
        """Finish the request under way, and close; one that is not whole has a moment to come."""
        self._leave()
        if not self._closed and self._task is None:
            self._shared.loop.call_later(HALF_SENT, self._refuse_half_sent)

    def _leave(self) -> None:
        """Close once the request under way has been answered."""
        self._draining = True
        if self._task is None and self._request is None:
            self.close()

    def _refuse_half_sent(self) -> None:
        if self._task is None and self._request is not None and not (self._closed or self._lingering):
            self._refuse(503, _STOPPING, LocalReply.SHUTTING_DOWN)

    def cut(self) -> None:
        """Close, whatever is under way."""
        if self._task is not None:
            self._task.cancel()
        else:
            self.close()

    def close(self) -> None:
        """Close after what has been written."""
        if self._closed:
            return
        self._closed = True
        left = self._transport.get_write_buffer_size()
        self._transport.close()
        if left:
            # A peer that reads nothing must not keep a closed connection.
            asyncio.get_running_loop().call_later(self._config.write_timeout, self._transport.abort)
        self._shared.on_closed(self)
