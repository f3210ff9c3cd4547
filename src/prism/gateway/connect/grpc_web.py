"""gRPC-Web, which browsers speak in gRPC's place: unary operations and server streams, binary and as base64 text.

Source: github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md.
"""

import base64
import binascii
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from prism.errors import InvalidArgument, Outcome, PrismError, Unimplemented
from prism.gateway.call import NAMESPACE_HEADER
from prism.gateway.connect.codec import CODECS, Codec
from prism.gateway.connect.conversion import Conversions, before_the_gateway, check_time, defect, next_within, within
from prism.gateway.connect.envelope import enveloped, messages, one_message
from prism.gateway.connect.errors import HttpRefusal, status_of
from prism.gateway.connect.incoming import Incoming, check_encoding, decompressed, header
from prism.gateway.connect.metadata import trailer_lines
from prism.gateway.connect.stream_body import StreamBody
from prism.gateway.handler import Handlers, OperationHandler
from prism.gateway.other_port import place_of
from prism.gateway.response import Response
from prism.gateway.streams.heartbeats import Heartbeats
from prism.interfaces.operation import Operation, Requests
from prism.reason import Reason
from prism.rpc_status import to_status
from prism.wire import EMPTY_METADATA, Code, Deadline, HttpRequest, HttpResponse, Metadata, Status, StatusError
from prism.wire.grpc.deadline import parse_timeout

TRAILERS = 0x80
"""The flag of the frame that ends an answer."""
TIMEOUT = "grpc-timeout"
_OK = Status(Code.OK)
_CHUNK = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class WebType:
    """One content type of gRPC-Web.

    Attributes:
        name: the media type, of the request and of its answer.
        codec: of messages.
        text: frames are base64.
    """

    name: str
    codec: Codec
    text: bool

    def read(self, body: bytes) -> bytes:
        """The frames of a body. Raises `InvalidArgument`."""
        if not self.text:
            return body
        chunks = _CHUNK.findall(body)  # each piece that a client has written may be padded
        try:
            if sum(map(len, chunks)) != len(body):
                raise InvalidArgument("the body is not base64, which application/grpc-web-text is")
            return b"".join(base64.b64decode(chunk, validate=True) for chunk in chunks)
        except binascii.Error as error:
            raise InvalidArgument(f"the body is not base64: {error}") from error

    def write(self, frame: bytes) -> bytes:
        """A frame as it is sent."""
        return base64.b64encode(frame) if self.text else frame

    def end(self, status: Status, trailers: Metadata = EMPTY_METADATA) -> bytes:
        """The last frame."""
        return self.write(enveloped(trailer_lines(status, trailers), TRAILERS))


def _types() -> Mapping[str, WebType]:
    found: dict[str, WebType] = {}
    for base, text in (("application/grpc-web", False), ("application/grpc-web-text", True)):
        found[base] = WebType(base, CODECS["proto"], text)
        for codec in CODECS.values():
            found[f"{base}+{codec.name}"] = WebType(f"{base}+{codec.name}", codec, text)
    return found


TYPES = _types()


def web_type(content_type: str) -> WebType | None:
    """The content type of gRPC-Web that this is; None for every other."""
    return TYPES.get(content_type.partition(";")[0].strip().lower())


class GrpcWeb:
    """Answers requests of gRPC-Web.

    Args:
        handlers: carry the operations out.
        max_message_size: most bytes of a message, with and without its compression.
        heartbeats: of streams.
        conversions: makes messages of what arrives, and the other way round.
    """

    def __init__(
        self, handlers: Handlers, max_message_size: int, heartbeats: Heartbeats, conversions: Conversions
    ) -> None:
        self._handlers = handlers
        self._conversions = conversions
        self._max_message_size = max_message_size
        self._heartbeats = heartbeats

    async def answer(self, request: HttpRequest, web: WebType, metadata: Response) -> HttpResponse:
        """The answer; its status is 200, and what became of the call is in its last frame.

        Raises:
            HttpRefusal: it is not a POST.
        """
        if request.method != "POST":
            message = f"{request.method[:20]} is not allowed for gRPC-Web; send POST"
            raise HttpRefusal(405, Code.UNKNOWN, message, {"allow": "POST"})
        headers = [("content-type", web.name)]
        handler, operation = self._handlers.find(request.path)
        if operation is None:
            place = place_of(request.path, self._handlers.first.operations)
            return HttpResponse(200, headers, web.end(to_status(_unknown(request.path, place)), metadata.trailers))
        frames = partial(self._frames, request, web, handler, operation, metadata)
        if not operation.server_streaming:
            return HttpResponse(200, headers, b"".join([frame async for frame in frames(_nothing)]))
        beat = web.write(enveloped(web.codec.encode(b"", operation)))
        body = StreamBody(frames, self._heartbeats, request.headers, beat)
        await body.ready()
        return HttpResponse(200, headers, body)

    async def _frames(
        self,
        request: HttpRequest,
        web: WebType,
        handler: OperationHandler,
        operation: Operation,
        metadata: Response,
        on_established: Callable[[], None],
    ) -> AsyncGenerator[bytes, None]:
        """A frame per message, and the one that ends it."""
        status = _OK
        convert, namespace = self._conversions.converted, header(request, NAMESPACE_HEADER)
        try:
            async with aclosing(self._messages(request, web, handler, operation, on_established)) as answers:
                async for message in answers:
                    yield web.write(enveloped(await convert(web.codec.encode, message, operation, namespace)))
        except (PrismError, StatusError) as error:
            status = status_of(error)
        except Exception:  # noqa: BLE001  # a caller gets an answer, whatever it is
            status = to_status(defect(operation))
        yield web.end(status, metadata.trailers)

    async def _messages(
        self,
        request: HttpRequest,
        web: WebType,
        handler: OperationHandler,
        operation: Operation,
        on_established: Callable[[], None],
    ) -> AsyncGenerator[bytes, None]:
        limit, namespace = self._max_message_size, header(request, NAMESPACE_HEADER)
        try:
            incoming = Incoming(request.headers, _deadline(request), request.peer)
            check_time(incoming.deadline, TIMEOUT, operation)
            named = header(request, "grpc-encoding")
            check_encoding(named)
            encoding = ""
            asked: bytes | Requests
            if operation.client_streaming:
                asked = self._requests(request, web, handler, operation)
            else:
                asked, encoding = one_message(web.read(request.body), named, limit)
        except PrismError as error:
            raise before_the_gateway(error, operation) from error
        decode = self._conversions.decoder(web.codec, operation, encoding, limit, namespace)
        if isinstance(asked, bytes) and not operation.server_streaming:
            answer = handler.unary(incoming, operation, asked, decode)
            yield await within(incoming.deadline, TIMEOUT, operation, answer)
            return
        async with aclosing(handler.stream(incoming, operation, asked, decode, on_established)) as answers:
            while (each := await next_within(incoming.deadline, TIMEOUT, operation, answers)) is not None:
                yield each

    def _requests(
        self, request: HttpRequest, web: WebType, handler: OperationHandler, operation: Operation
    ) -> Requests:
        """The requests of an operation that takes a stream of them.

        Only of what is served beside, reflection, which tools ask by any protocol.

        Raises:
            Unimplemented: it is another one; gRPC-Web has no such streams.
            PrismError: they have come whole, and are malformed.
        """
        if handler is self._handlers.first:
            raise Unimplemented(
                f"{operation.name} takes a stream of requests, which gRPC-Web has not; call it with gRPC, or by the "
                "Connect protocol"
            )
        if request.messages is not None:
            return request.messages
        encoding, limit = header(request, "grpc-encoding"), self._max_message_size
        return _all_of([*messages(web.read(request.body), encoding, limit, many=True)], limit)


async def _all_of(messages: Sequence[tuple[bytes, str]], limit: int) -> Requests:
    for message, encoding in messages:
        yield decompressed(message, encoding, limit)


def _deadline(request: HttpRequest) -> Deadline | None:
    timeout = header(request, TIMEOUT)
    try:
        return Deadline(request.begun + parse_timeout(timeout)) if timeout else None
    except ValueError as error:
        raise InvalidArgument(str(error), reason=Reason.MALFORMED_REQUEST) from error


def _unknown(path: str, place: str) -> PrismError:
    path = path[:100]
    error = Unimplemented(
        f"{path} is on {place}" if place else f"there is no operation {path}; GET / lists the services"
    )
    error.reason, error.outcome = Reason.METHOD_UNKNOWN, Outcome.NOT_APPLIED
    return error


def _nothing() -> None:
    """A unary call is not established before it is answered."""
