"""The interoperability service on our own server."""

import asyncio
from typing import Any

from google.rpc import status_pb2

from prism.wire import EMPTY_METADATA, Code, Metadata, Method, ServerCall, Status, StatusError
from wire.interop import messages as m


class PrismService:
    """TestService; `most` is how many of its duplex calls were under way at once."""

    def __init__(self) -> None:
        self.most = 0
        self._open = 0
        methods = [
            Method(m.EMPTY_CALL, self.empty_call),
            Method(m.UNARY_CALL, self.unary_call),
            Method(m.STREAMING_INPUT_CALL, self.streaming_input_call, client_streaming=True),
            Method(m.STREAMING_OUTPUT_CALL, self.streaming_output_call, server_streaming=True),
            Method(m.FULL_DUPLEX_CALL, self.full_duplex_call, client_streaming=True, server_streaming=True),
        ]
        self.lookup = {method.path: method for method in methods}.get

    async def empty_call(self, call: ServerCall) -> bytes:
        """An empty message for an empty message."""
        m.Empty.FromString(call.message)
        return b""

    async def unary_call(self, call: ServerCall) -> bytes:
        """A payload of the size asked for."""
        request = m.SimpleRequest.FromString(call.message)
        _expect(call, request)
        if request.response_compressed.value:
            call.set_compression("gzip")
        await _echo_metadata(call)
        raw = call.metadata.get(m.STATUS_KEY)
        if isinstance(raw, bytes):
            wanted = status_pb2.Status.FromString(raw)
            raise StatusError(Status(Code(wanted.code), wanted.message, raw))
        _end_as_asked(request)
        response: bytes = m.SimpleResponse(payload=m.payload(request.response_size)).SerializeToString()
        return response

    async def streaming_input_call(self, call: ServerCall) -> bytes:
        """The sum of the sizes received."""
        total = 0
        async for data in call.messages:
            request = m.StreamingInputCallRequest.FromString(data)
            if not total:
                _expect(call, request)
            total += len(request.payload.body)
        if not total:
            # cancel_after_begin: grpc-go ends the stream before it cancels it, and an answer could overtake that.
            await asyncio.Event().wait()
        response: bytes = m.StreamingInputCallResponse(aggregated_payload_size=total).SerializeToString()
        return response

    async def streaming_output_call(self, call: ServerCall) -> None:
        """The payloads asked for."""
        await _answer(call, m.StreamingOutputCallRequest.FromString(call.message))

    async def full_duplex_call(self, call: ServerCall) -> None:
        """The payloads that each message asks for."""
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            await _echo_metadata(call)
            async for data in call.messages:
                request = m.StreamingOutputCallRequest.FromString(data)
                _end_as_asked(request)
                await _answer(call, request)
        finally:
            self._open -= 1


async def _answer(call: ServerCall, request: Any) -> None:
    for each in request.response_parameters:
        if each.HasField("compressed"):
            call.set_compression("gzip" if each.compressed.value else None)
        await call.send(m.StreamingOutputCallResponse(payload=m.payload(each.size)).SerializeToString())


async def _echo_metadata(call: ServerCall) -> None:
    initial = call.metadata.get(m.ECHO_INITIAL)
    trailing = call.metadata.get(m.ECHO_TRAILING)
    if initial is not None:
        await call.send_headers(Metadata([(m.ECHO_INITIAL, initial)]))
    call.set_trailing(EMPTY_METADATA if trailing is None else Metadata([(m.ECHO_TRAILING, trailing)]))


def _end_as_asked(request: Any) -> None:
    if request.response_status.code:
        raise StatusError(Status(Code(request.response_status.code), request.response_status.message))


def _expect(call: ServerCall, request: Any) -> None:
    if request.HasField("expect_compressed") and request.expect_compressed.value != (call.encoding == "gzip"):
        raise StatusError(Status(Code.INVALID_ARGUMENT, "the request is not compressed as it says"))
