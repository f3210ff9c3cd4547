"""The interoperability cases by the stock client of Python."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_status import rpc_status

from wire.interop import messages as m
from wire.interop.prism_cases import detailed_status

_ECHOED = ((m.ECHO_INITIAL, m.INITIAL_VALUE), (m.ECHO_TRAILING, m.TRAILING_VALUE))


class Stub:
    """The methods of the service on a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        empty, request, response = m.Empty, m.SimpleRequest, m.SimpleResponse
        self.empty = channel.unary_unary(m.EMPTY_CALL, empty.SerializeToString, empty.FromString)
        self.unary = channel.unary_unary(m.UNARY_CALL, request.SerializeToString, response.FromString)
        self.input = channel.stream_unary(
            m.STREAMING_INPUT_CALL,
            m.StreamingInputCallRequest.SerializeToString,
            m.StreamingInputCallResponse.FromString,
        )
        out, answer = m.StreamingOutputCallRequest.SerializeToString, m.StreamingOutputCallResponse.FromString
        self.output = channel.unary_stream(m.STREAMING_OUTPUT_CALL, out, answer)
        self.duplex = channel.stream_stream(m.FULL_DUPLEX_CALL, out, answer)
        self.no_method = channel.unary_unary(m.UNIMPLEMENTED_METHOD, empty.SerializeToString, empty.FromString)
        self.no_service = channel.unary_unary(m.UNIMPLEMENTED_SERVICE, empty.SerializeToString, empty.FromString)


async def _size(call: Any) -> int:
    response = await call.read()
    assert response is not grpc.aio.EOF
    assert not response.payload.body.strip(b"\0")
    return len(response.payload.body)


async def _ended(call: Any) -> None:
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def _fails(call: Awaitable[Any], code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is code
    return caught.value


async def empty_unary(stub: Stub) -> None:
    """Nothing, both ways."""
    assert await stub.empty(m.Empty()) == m.Empty()


async def large_unary(stub: Stub) -> None:
    """Several hundred KB, both ways."""
    response = await stub.unary(m.SimpleRequest(response_size=m.LARGE_RESPONSE, payload=m.payload(m.LARGE_REQUEST)))
    assert response.payload == m.payload(m.LARGE_RESPONSE)


async def client_streaming(stub: Stub) -> None:
    """Several messages for one."""
    call = stub.input()
    for size in m.REQUEST_SIZES:
        await call.write(m.StreamingInputCallRequest(payload=m.payload(size)))
    await call.done_writing()
    assert (await call).aggregated_payload_size == sum(m.REQUEST_SIZES)


async def server_streaming(stub: Stub) -> None:
    """One message for several."""
    call = stub.output(m.duplex(0, *m.RESPONSE_SIZES))
    assert [await _size(call) for _ in m.RESPONSE_SIZES] == list(m.RESPONSE_SIZES)
    await _ended(call)


async def ping_pong(stub: Stub) -> None:
    """Each message is answered before the next is sent."""
    call = stub.duplex()
    for request, response in zip(m.REQUEST_SIZES, m.RESPONSE_SIZES, strict=True):
        await call.write(m.duplex(request, response))
        assert await _size(call) == response
    await call.done_writing()
    await _ended(call)


async def empty_stream(stub: Stub) -> None:
    """A stream without messages."""
    call = stub.duplex()
    await call.done_writing()
    await _ended(call)


async def client_compressed_unary(stub: Stub) -> None:
    """A request that lies about its compression is refused; a compressed one and a plain one are served."""
    request = m.SimpleRequest(
        expect_compressed=m.BoolValue(value=True),
        response_size=m.LARGE_RESPONSE,
        payload=m.payload(m.LARGE_REQUEST),
    )
    await _fails(stub.unary(request), grpc.StatusCode.INVALID_ARGUMENT)
    response = await stub.unary(request, compression=grpc.Compression.Gzip)
    assert response.payload == m.payload(m.LARGE_RESPONSE)
    request.expect_compressed.value = False
    assert (await stub.unary(request)).payload == m.payload(m.LARGE_RESPONSE)


async def server_compressed_unary(stub: Stub) -> None:
    """A compressed response, and one that is not."""
    for compressed in (True, False):
        request = m.SimpleRequest(
            response_compressed=m.BoolValue(value=compressed),
            response_size=m.LARGE_RESPONSE,
            payload=m.payload(m.LARGE_REQUEST),
        )
        assert (await stub.unary(request)).payload == m.payload(m.LARGE_RESPONSE)


async def client_compressed_streaming(stub: Stub) -> None:
    """A stream that lies about its compression is refused, a compressed one is served."""

    def request(size: int) -> Any:
        return m.StreamingInputCallRequest(expect_compressed=m.BoolValue(value=True), payload=m.payload(size))

    call = stub.input()
    await call.write(request(27182))
    await call.done_writing()
    await _fails(call, grpc.StatusCode.INVALID_ARGUMENT)
    call = stub.input(compression=grpc.Compression.Gzip)
    for size in (27182, 45904):
        await call.write(request(size))
    await call.done_writing()
    assert (await call).aggregated_payload_size == 73086


async def server_compressed_streaming(stub: Stub) -> None:
    """A compressed message and one that is not, on one stream."""
    wanted = [
        m.ResponseParameters(compressed=m.BoolValue(value=True), size=31415),
        m.ResponseParameters(compressed=m.BoolValue(value=False), size=92653),
    ]
    call = stub.output(m.StreamingOutputCallRequest(response_parameters=wanted))
    assert [await _size(call) for _ in wanted] == [31415, 92653]
    await _ended(call)


async def cancel_after_begin(stub: Stub) -> None:
    """Cancelled when the head has been sent and nothing else."""
    call = stub.input()
    await call.wait_for_connection()
    call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED
    await empty_unary(stub)


async def cancel_after_first_response(stub: Stub) -> None:
    """Cancelled in the midst of the stream."""
    call = stub.duplex()
    await call.write(m.duplex(27182, 31415))
    assert await _size(call) == 31415
    call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED
    await empty_unary(stub)


async def timeout_on_sleeping_server(stub: Stub) -> None:
    """A server that does not answer runs into the deadline."""
    await empty_unary(stub)
    call = stub.duplex(timeout=0.001)
    assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def custom_metadata(stub: Stub) -> None:
    """Initial and binary trailing metadata come back, on a unary call and on a stream."""
    call = stub.unary(m.SimpleRequest(response_size=1, payload=m.payload(1)), metadata=_ECHOED)
    await call
    await _echoed(call)
    stream = stub.duplex(metadata=_ECHOED)
    await stream.write(m.duplex(1, 1))
    await stream.done_writing()
    assert await _size(stream) == 1
    await _ended(stream)
    await _echoed(stream)


async def _echoed(call: Any) -> None:
    assert (await call.initial_metadata()).get_all(m.ECHO_INITIAL) == [m.INITIAL_VALUE]
    assert (await call.trailing_metadata()).get_all(m.ECHO_TRAILING) == [m.TRAILING_VALUE]


async def status_code_and_message(stub: Stub) -> None:
    """The status asked for, on a unary call and on a stream."""
    wanted = m.EchoStatus(code=2, message="test status message")
    error = await _fails(stub.unary(m.SimpleRequest(response_status=wanted)), grpc.StatusCode.UNKNOWN)
    assert error.details() == wanted.message
    call = stub.duplex()
    await call.write(m.StreamingOutputCallRequest(response_status=wanted))
    await call.done_writing()
    error = await _fails(call.read(), grpc.StatusCode.UNKNOWN)
    assert error.details() == wanted.message


async def special_status_message(stub: Stub) -> None:
    """White space and Unicode in the status message."""
    request = m.SimpleRequest(response_status=m.EchoStatus(code=2, message=m.SPECIAL_MESSAGE))
    error = await _fails(stub.unary(request), grpc.StatusCode.UNKNOWN)
    assert error.details() == m.SPECIAL_MESSAGE


async def unimplemented_method(stub: Stub) -> None:
    """A method that the service does not have."""
    await _fails(stub.no_method(m.Empty()), grpc.StatusCode.UNIMPLEMENTED)


async def unimplemented_service(stub: Stub) -> None:
    """A service that the server does not have."""
    await _fails(stub.no_service(m.Empty()), grpc.StatusCode.UNIMPLEMENTED)


async def status_details(stub: Stub) -> None:
    """A google.rpc.Status with details, beside the status."""
    wanted = detailed_status()
    call = stub.unary(m.SimpleRequest(), metadata=((m.STATUS_KEY, wanted.SerializeToString()),))
    error = await _fails(call, grpc.StatusCode.FAILED_PRECONDITION)
    assert rpc_status.from_call(error) == wanted


async def large_messages(stub: Stub) -> None:
    """16 MiB both ways, on a unary call and on a stream."""
    size = m.SIXTEEN_MIB
    response = await stub.unary(m.SimpleRequest(response_size=size, payload=m.payload(size)))
    assert response.payload == m.payload(size)
    call = stub.duplex()
    for _ in range(2):
        await call.write(m.duplex(size, size))
        assert await _size(call) == size
    await call.done_writing()
    await _ended(call)


async def concurrent_streams(stub: Stub) -> None:
    """A thousand streams, none of which ends before each has been answered."""
    calls = [stub.duplex() for _ in range(m.STREAMS)]

    async def ask(size: int, call: Any) -> None:
        await call.write(m.duplex(0, size))
        assert await _size(call) == size

    async def finish(call: Any) -> None:
        await call.done_writing()
        await _ended(call)

    await asyncio.gather(*(ask(size, call) for size, call in enumerate(calls, 1)))
    await asyncio.gather(*map(finish, calls))


CASES: dict[str, Callable[[Stub], Awaitable[None]]] = {
    case.__name__: case
    for case in (
        empty_unary,
        large_unary,
        client_streaming,
        server_streaming,
        ping_pong,
        empty_stream,
        client_compressed_unary,
        server_compressed_unary,
        client_compressed_streaming,
        server_compressed_streaming,
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
        custom_metadata,
        status_code_and_message,
        special_status_message,
        unimplemented_method,
        unimplemented_service,
        status_details,
        large_messages,
        concurrent_streams,
    )
}
