"""The interoperability service on the stock server of Python."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from google.rpc import status_pb2

from wire.interop import messages as m

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def grpcio_server() -> grpc.aio.Server:
    """A server with the service, that listens nowhere yet."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", m.LARGEST)])
    handlers = {
        "EmptyCall": grpc.unary_unary_rpc_method_handler(_empty_call, m.Empty.FromString, m.Empty.SerializeToString),
        "UnaryCall": grpc.unary_unary_rpc_method_handler(
            _unary_call, m.SimpleRequest.FromString, m.SimpleResponse.SerializeToString
        ),
        "StreamingInputCall": grpc.stream_unary_rpc_method_handler(
            _streaming_input_call,
            m.StreamingInputCallRequest.FromString,
            m.StreamingInputCallResponse.SerializeToString,
        ),
        "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(
            _streaming_output_call,
            m.StreamingOutputCallRequest.FromString,
            m.StreamingOutputCallResponse.SerializeToString,
        ),
        "FullDuplexCall": grpc.stream_stream_rpc_method_handler(
            _full_duplex_call, m.StreamingOutputCallRequest.FromString, m.StreamingOutputCallResponse.SerializeToString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(m.SERVICE, handlers),))
    return server


async def _empty_call(request: Any, context: Any) -> Any:
    return m.Empty()


async def _unary_call(request: Any, context: Any) -> Any:
    if request.response_compressed.value:
        context.set_compression(grpc.Compression.Gzip)
        # A response sent with its head is never compressed: https://github.com/grpc/grpc/issues/34690
        await context.send_initial_metadata(())
    await _echo_metadata(context)
    raw = dict(context.invocation_metadata()).get(m.STATUS_KEY)
    if raw is not None:
        wanted = status_pb2.Status.FromString(raw)
        trailing = (("grpc-status-details-bin", raw),)
        await context.abort(_CODES[wanted.code], wanted.message, trailing)
    await _end_as_asked(request, context)
    return m.SimpleResponse(payload=m.payload(request.response_size))


async def _streaming_input_call(requests: AsyncIterator[Any], context: Any) -> Any:
    total = sum([len(request.payload.body) async for request in requests])
    return m.StreamingInputCallResponse(aggregated_payload_size=total)


async def _streaming_output_call(request: Any, context: Any) -> AsyncIterator[Any]:
    if any(each.compressed.value for each in request.response_parameters):
        context.set_compression(grpc.Compression.Gzip)
    for each in request.response_parameters:
        if not each.compressed.value:
            context.disable_next_message_compression()
        yield m.StreamingOutputCallResponse(payload=m.payload(each.size))


async def _full_duplex_call(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
    await _echo_metadata(context)
    async for request in requests:
        await _end_as_asked(request, context)
        for each in request.response_parameters:
            yield m.StreamingOutputCallResponse(payload=m.payload(each.size))


async def _echo_metadata(context: Any) -> None:
    received = dict(context.invocation_metadata())
    if m.ECHO_INITIAL in received:
        await context.send_initial_metadata(((m.ECHO_INITIAL, received[m.ECHO_INITIAL]),))
    if m.ECHO_TRAILING in received:
        context.set_trailing_metadata(((m.ECHO_TRAILING, received[m.ECHO_TRAILING]),))


async def _end_as_asked(request: Any, context: Any) -> None:
    if request.response_status.code:
        await context.abort(_CODES[request.response_status.code], request.response_status.message)
