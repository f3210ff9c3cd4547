"""HTTP/JSON by the Connect protocol: unary operations by POST, those that only read by GET too, and
streams in envelopes. A way in like gRPC: what it carries passes the same hops.

Requests that stream are read as they come; both ways at once takes HTTP/2.

Source: connectrpc.com/docs/protocol.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from prism.errors import PrismError, Unimplemented
from prism.gateway.call import NAMESPACE_HEADER
from prism.gateway.connect import proto_files
from prism.gateway.connect.codec import CODECS
from prism.gateway.connect.conversion import Conversions, before_the_gateway, check_time, defect, next_within, within
from prism.gateway.connect.cors import Cors
from prism.gateway.connect.envelope import END_STREAM, enveloped, one_message
from prism.gateway.connect.errors import HttpRefusal, error_object, error_response
from prism.gateway.connect.front_page import front_page
from prism.gateway.connect.grpc_web import TYPES, GrpcWeb, web_type
from prism.gateway.connect.incoming import Incoming, check_encoding, header
from prism.gateway.connect.metadata import end_metadata, with_metadata
from prism.gateway.connect.request import ConnectRequest, read, unknown_operation
from prism.gateway.connect.stream_body import StreamBody
from prism.gateway.handler import Handlers, OperationHandler
from prism.gateway.http import body_limit
from prism.gateway.response import NOTHING, Response, ResponseHop, respond
from prism.gateway.streams.heartbeats import Heartbeats
from prism.interfaces.operation import Operation, Requests
from prism.wire import Code, HttpRequest, HttpResponse, StatusError

TIMEOUT = "Connect-Timeout-Ms"
ENCODING = {codec.stream_type: "connect-content-encoding" for codec in CODECS.values()} | {
    name: "grpc-encoding" for name, kind in TYPES.items() if not kind.text
}
"""The header that names the compression of a stream's messages, by its content type; base64 is read whole."""


class Connect:
    """The `HttpHandler` of a port that serves operations.

    Args:
        handler: carries the operations out.
        cors: which web pages may call.
        max_message_size: most bytes of a message, with and without its compression; a stream has it in an envelope.
        response_hops: set headers and trailers of answers.
        heartbeats: of streams.
        beside: carries out what is served beside, such as health.
    """

    def __init__(
        self,
        handler: OperationHandler,
        *,
        cors: Cors | None = None,
        max_message_size: int = 4 << 20,
        response_hops: Sequence[ResponseHop] = (),
        heartbeats: Heartbeats | None = None,
        beside: OperationHandler | None = None,
    ) -> None:
        self._handlers = Handlers(handler, beside)
        self._cors = cors or Cors()
        self._max_message_size = max_message_size
        self._response_hops = response_hops
        self._heartbeats = heartbeats or Heartbeats()
        self._conversions = Conversions()
        self._grpc_web = GrpcWeb(self._handlers, max_message_size, self._heartbeats, self._conversions)

    def configure(self, cors: Cors, response_hops: Sequence[ResponseHop]) -> None:
        """Another policy, and other headers, from the next request on."""
        self._cors, self._response_hops = cors, response_hops

    @property
    def body_limit(self) -> int:
        """Most bytes of a body that can hold a message within the limit."""
        return body_limit(self._max_message_size)

    def message_bodies(self, request: HttpRequest) -> str | None:
        """`prism.wire`'s `MessageBodies`: requests of operations that take a stream of them."""
        named = ENCODING.get(header(request, "content-type").partition(";")[0].strip().lower())
        if named is None or request.method != "POST":
            return None
        _, operation = self._handlers.find(request.path)
        return header(request, named) if operation is not None and operation.client_streaming else None

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers one request; every failure is an answer too."""
        hops = self._response_hops
        metadata = respond(hops, Incoming(request.headers, None, request.peer)) if hops else NOTHING
        web = web_type(header(request, "content-type"))
        try:
            response = self._cors.preflight(request)
            if response is None and web is not None:
                response = await self._grpc_web.answer(request, web, metadata)
            elif response is None:
                response = await self._answer(request, metadata)
        except HttpRefusal as refusal:
            response = refusal.response(header(request, "content-type"))
        if hops:
            response = with_metadata(response, metadata, trailers=web is None)
        return self._cors.allow(request, response)

    async def _answer(self, request: HttpRequest, metadata: Response) -> HttpResponse:
        operations = self._handlers.first.operations
        if request.path == "/" and request.method in ("GET", "HEAD"):
            return front_page(request, operations.values())
        if request.path == proto_files.PATH and request.method in ("GET", "HEAD"):
            return await asyncio.to_thread(proto_files.proto_zip)
        handler, operation = self._handlers.find(request.path)
        if operation is None:
            raise unknown_operation(request, operations)
        if operation.server_streaming or operation.client_streaming:
            return await self._stream(request, handler, read(request, operation), metadata)
        try:
            asked = read(request, operation)
            incoming = Incoming.of(request)
            check_time(incoming.deadline, TIMEOUT, operation)
        except PrismError as error:
            return error_response(before_the_gateway(error, operation))
        if len(asked.body) > self._max_message_size:
            message = f"The body is over the limit of {self._max_message_size} bytes: send a smaller one."
            raise HttpRefusal(413, Code.RESOURCE_EXHAUSTED, message)
        limit, namespace = self._max_message_size, header(request, NAMESPACE_HEADER)
        decode = self._conversions.decoder(asked.codec, operation, asked.encoding, limit, namespace)
        try:
            carried = handler.unary(incoming, operation, asked.body, decode)
            answer = await within(incoming.deadline, TIMEOUT, operation, carried)
            body = await self._conversions.converted(asked.codec.encode, answer, operation, namespace)
        except (PrismError, StatusError) as error:
            return error_response(error)
        except Exception:  # noqa: BLE001  # a caller gets an answer, whatever it is
            return error_response(defect(operation))
        headers = [("content-type", asked.codec.unary_type)]
        if request.method == "GET":
            headers.append(("cache-control", "no-store"))  # a cache must not answer in place of the store
        return HttpResponse(200, headers, body)

    async def _stream(
        self, request: HttpRequest, handler: OperationHandler, asked: ConnectRequest, metadata: Response
    ) -> HttpResponse:
        pieces = partial(self._envelopes, request, handler, asked, metadata)
        beat = enveloped(asked.codec.encode(b"", asked.operation))
        body = StreamBody(pieces, self._heartbeats, request.headers, beat)
        await body.ready()
        return HttpResponse(200, [("content-type", asked.codec.stream_type)], body)

    async def _envelopes(
        self,
        request: HttpRequest,
        handler: OperationHandler,
        asked: ConnectRequest,
        metadata: Response,
        on_established: Callable[[], None],
    ) -> AsyncGenerator[bytes, None]:
        """The response's body: an envelope per message, and a last one that says how it ended."""
        end: dict[str, object] = {}
        convert, namespace = self._conversions.converted, header(request, NAMESPACE_HEADER)
        try:
            async with aclosing(self._messages(request, handler, asked, on_established)) as answers:
                async for message in answers:
                    yield enveloped(await convert(asked.codec.encode, message, asked.operation, namespace))
        except (PrismError, StatusError) as error:
            end["error"] = error_object(error)
        except Exception:  # noqa: BLE001  # as above
            end["error"] = error_object(defect(asked.operation))
        if metadata.trailers:
            end["metadata"] = end_metadata(metadata.trailers)
        yield enveloped(json.dumps(end).encode(), END_STREAM)

    async def _messages(
        self,
        request: HttpRequest,
        handler: OperationHandler,
        asked: ConnectRequest,
        on_established: Callable[[], None],
    ) -> AsyncGenerator[bytes, None]:
        operation, limit, namespace = asked.operation, self._max_message_size, header(request, NAMESPACE_HEADER)
        try:
            incoming = Incoming.of(request)
            check_time(incoming.deadline, TIMEOUT, operation)
            check_encoding(asked.encoding)
            if request.messages is None:
                message, encoding = one_message(asked.body, asked.encoding, limit)
                sent: bytes | Requests = message
            else:
                self._check_duplex(request, handler, operation)
                sent, encoding = request.messages, ""
        except PrismError as error:
            raise before_the_gateway(error, operation) from error
        decode = self._conversions.decoder(asked.codec, operation, encoding, limit, namespace)
        async with aclosing(handler.stream(incoming, operation, sent, decode, on_established)) as answers:
            while (answer := await next_within(incoming.deadline, TIMEOUT, operation, answers)) is not None:
                yield answer

    def _check_duplex(self, request: HttpRequest, handler: OperationHandler, operation: Operation) -> None:
        """Passes a stream of requests that can be answered while it comes, where it is to be.

        What is served beside answers each request by itself: a client can send them all and read then.

        Raises:
            Unimplemented: the client cannot read before all is sent.
        """
        if operation.server_streaming and not request.duplex and handler is self._handlers.first:
            raise Unimplemented(
                f"{operation.name} streams both ways at once, which HTTP/1.1 cannot; call it over HTTP/2"
            )
