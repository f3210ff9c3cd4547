"""The interoperability cases by our own channel."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from prism.wire import Channel, ClientCall, Code, Deadline, Metadata, StatusError
from wire.interop import messages as m

_ECHOED = Metadata([(m.ECHO_INITIAL, m.INITIAL_VALUE), (m.ECHO_TRAILING, m.TRAILING_VALUE)])


async def _send(call: ClientCall, message: Any, *, compressed: bool = True) -> None:
    await call.send(message.SerializeToString(), compressed=compressed)


async def _receive_size(call: ClientCall) -> int:
    data = await call.receive()
    assert data is not None
    body: bytes = m.StreamingOutputCallResponse.FromString(data).payload.body
    assert not body.strip(b"\0")
    return len(body)


async def _unary(channel: Channel, request: Any) -> Any:
    return m.SimpleResponse.FromString(await channel.unary(m.UNARY_CALL, request.SerializeToString()))


async def empty_unary(channel: Channel) -> None:
    """Nothing, both ways."""
    assert await channel.unary(m.EMPTY_CALL, b"") == b""


async def large_unary(channel: Channel) -> None:
    """Several hundred KB, both ways."""
    response = await _unary(
        channel, m.SimpleRequest(response_size=m.LARGE_RESPONSE, payload=m.payload(m.LARGE_REQUEST))
    )
    assert response.payload == m.payload(m.LARGE_RESPONSE)


async def client_streaming(channel: Channel) -> None:
    """Several messages for one."""
    async with channel.open(m.STREAMING_INPUT_CALL) as call:
        for size in m.REQUEST_SIZES:
            await _send(call, m.StreamingInputCallRequest(payload=m.payload(size)))
        await _aggregated(call, sum(m.REQUEST_SIZES))


async def _aggregated(call: ClientCall, total: int) -> None:
    await call.end()
    data = await call.receive()
    assert data is not None
    assert m.StreamingInputCallResponse.FromString(data).aggregated_payload_size == total
    assert await call.receive() is None


async def server_streaming(channel: Channel) -> None:
    """One message for several."""
    async with channel.open(m.STREAMING_OUTPUT_CALL) as call:
        await _send(call, m.duplex(0, *m.RESPONSE_SIZES))
        await call.end()
        assert [await _receive_size(call) for _ in m.RESPONSE_SIZES] == list(m.RESPONSE_SIZES)
        assert await call.receive() is None


async def ping_pong(channel: Channel) -> None:
    """Each message is answered before the next is sent."""
    async with channel.open(m.FULL_DUPLEX_CALL) as call:
        for request, response in zip(m.REQUEST_SIZES, m.RESPONSE_SIZES, strict=True):
            await _send(call, m.duplex(request, response))
            assert await _receive_size(call) == response
        await call.end()
        assert await call.receive() is None


async def empty_stream(channel: Channel) -> None:
    """A stream without messages."""
    async with channel.open(m.FULL_DUPLEX_CALL) as call:
        await call.end()
        assert await call.receive() is None


async def client_compressed_unary(channel: Channel) -> None:
    """A compressed request, and one that is not."""
    for compression in ("gzip", None):
        request = m.SimpleRequest(
            expect_compressed=m.BoolValue(value=compression is not None),
            response_size=m.LARGE_RESPONSE,
            payload=m.payload(m.LARGE_REQUEST),
        )
        async with channel.open(m.UNARY_CALL, compression=compression) as call:
            await _send(call, request)
            await call.end()
            data = await call.receive()
            assert data is not None
            assert m.SimpleResponse.FromString(data).payload == m.payload(m.LARGE_RESPONSE)
            assert await call.receive() is None


async def server_compressed_unary(channel: Channel) -> None:
    """A compressed response, and one that is not."""
    for compressed in (True, False):
        wanted = m.BoolValue(value=compressed)
        response = await _unary(
            channel,
            m.SimpleRequest(
                response_compressed=wanted, response_size=m.LARGE_RESPONSE, payload=m.payload(m.LARGE_REQUEST)
            ),
        )
        assert response.payload == m.payload(m.LARGE_RESPONSE)


async def client_compressed_streaming(channel: Channel) -> None:
    """A compressed message and one that is not, on one stream."""
    async with channel.open(m.STREAMING_INPUT_CALL, compression="gzip") as call:
        for compressed, size in ((True, 27182), (False, 45904)):
            request = m.StreamingInputCallRequest(
                expect_compressed=m.BoolValue(value=compressed), payload=m.payload(size)
            )
            await _send(call, request, compressed=compressed)
        await _aggregated(call, 73086)


async def server_compressed_streaming(channel: Channel) -> None:
    """The same from the server."""
    wanted = [
        m.ResponseParameters(compressed=m.BoolValue(value=True), size=31415),
        m.ResponseParameters(compressed=m.BoolValue(value=False), size=92653),
    ]
    async with channel.open(m.STREAMING_OUTPUT_CALL) as call:
        await _send(call, m.StreamingOutputCallRequest(response_parameters=wanted))
        await call.end()
        assert [await _receive_size(call) for _ in wanted] == [31415, 92653]
        assert await call.receive() is None


async def cancel_after_begin(channel: Channel) -> None:
    """Cancelled when the head has been sent and nothing else."""
    async with channel.open(m.STREAMING_INPUT_CALL) as call:
        receiving = asyncio.create_task(call.receive())
        await channel.unary(m.EMPTY_CALL, b"")  # it travels behind the head
        call.cancel()
        with pytest.raises(StatusError) as caught:
            await receiving
        assert caught.value.status.code is Code.CANCELLED
    await empty_unary(channel)


async def cancel_after_first_response(channel: Channel) -> None:
    """Cancelled in the midst of the stream."""
    async with channel.open(m.FULL_DUPLEX_CALL) as call:
        await _send(call, m.duplex(27182, 31415))
        assert await _receive_size(call) == 31415
        call.cancel()
        with pytest.raises(StatusError) as caught:
            await call.receive()
        assert caught.value.status.code is Code.CANCELLED
    await empty_unary(channel)


async def timeout_on_sleeping_server(channel: Channel) -> None:
    """A server that does not answer runs into the deadline."""
    await empty_unary(channel)  # so that it is not the connecting that takes too long
    async with channel.open(m.FULL_DUPLEX_CALL, deadline=Deadline.after(0.001)) as call:
        with pytest.raises(StatusError) as caught:
            await _ask(call, 27182)
        assert caught.value.status.code is Code.DEADLINE_EXCEEDED


async def _ask(call: ClientCall, size: int) -> None:
    """Send a message that asks for no answer, and wait for one: the deadline may pass in either."""
    await _send(call, m.duplex(size))
    await call.receive()


async def custom_metadata(channel: Channel) -> None:
    """Initial and binary trailing metadata come back, on a unary call and on a stream."""
    unary = m.SimpleRequest(response_size=1, payload=m.payload(1))
    for path, request in ((m.UNARY_CALL, unary), (m.FULL_DUPLEX_CALL, m.duplex(1, 1))):
        async with channel.open(path, metadata=_ECHOED) as call:
            await _send(call, request)
            await call.end()
            assert (await call.headers()).get_all(m.ECHO_INITIAL) == (m.INITIAL_VALUE,)
            assert await call.receive() is not None
            assert await call.receive() is None
            assert call.trailing.get_all(m.ECHO_TRAILING) == (m.TRAILING_VALUE,)


async def status_code_and_message(channel: Channel) -> None:
    """The status asked for, on a unary call and on a stream."""
    wanted = m.EchoStatus(code=2, message="test status message")
    unary = m.SimpleRequest(response_status=wanted)
    stream = m.StreamingOutputCallRequest(response_status=wanted)
    for path, request in ((m.UNARY_CALL, unary), (m.FULL_DUPLEX_CALL, stream)):
        async with channel.open(path) as call:
            await _send(call, request)
            await call.end()
            with pytest.raises(StatusError) as caught:
                await call.receive()
            assert (caught.value.status.code, caught.value.status.message) == (Code.UNKNOWN, wanted.message)


async def special_status_message(channel: Channel) -> None:
    """White space and Unicode in the status message."""
    with pytest.raises(StatusError) as caught:
        await _unary(channel, m.SimpleRequest(response_status=m.EchoStatus(code=2, message=m.SPECIAL_MESSAGE)))
    assert (caught.value.status.code, caught.value.status.message) == (Code.UNKNOWN, m.SPECIAL_MESSAGE)


async def unimplemented_method(channel: Channel) -> None:
    """A method that the service does not have."""
    await _unimplemented(channel, m.UNIMPLEMENTED_METHOD)


async def unimplemented_service(channel: Channel) -> None:
    """A service that the server does not have."""
    await _unimplemented(channel, m.UNIMPLEMENTED_SERVICE)


async def _unimplemented(channel: Channel, path: str) -> None:
    with pytest.raises(StatusError) as caught:
        await channel.unary(path, b"")
    assert caught.value.status.code is Code.UNIMPLEMENTED


async def status_details(channel: Channel) -> None:
    """A google.rpc.Status with details, beside the status."""
    wanted = detailed_status()
    metadata = Metadata([(m.STATUS_KEY, wanted.SerializeToString())])
    with pytest.raises(StatusError) as caught:
        await channel.unary(m.UNARY_CALL, b"", metadata=metadata)
    status = caught.value.status
    assert (status.code, status.message) == (Code(wanted.code), wanted.message)
    assert status_pb2.Status.FromString(status.details) == wanted


def detailed_status() -> status_pb2.Status:
    """A status with two details."""
    info = error_details_pb2.ErrorInfo(reason="INTEROP", domain="grpc.testing", metadata={"key": "value"})
    request = error_details_pb2.BadRequest()
    request.field_violations.add(field="payload", description="not liked")
    status = status_pb2.Status(code=Code.FAILED_PRECONDITION.value, message="see the details \u2713")
    for detail in (info, request):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


async def large_messages(channel: Channel) -> None:
    """16 MiB both ways, on a unary call and on a stream."""
    size = m.SIXTEEN_MIB
    response = await _unary(channel, m.SimpleRequest(response_size=size, payload=m.payload(size)))
    assert response.payload == m.payload(size)
    async with channel.open(m.FULL_DUPLEX_CALL) as call:
        for _ in range(2):
            await _send(call, m.duplex(size, size))
            assert await _receive_size(call) == size
        await call.end()
        assert await call.receive() is None


async def concurrent_streams(channel: Channel) -> None:
    """A thousand streams, none of which ends before each has been answered."""
    calls = [channel.open(m.FULL_DUPLEX_CALL) for _ in range(m.STREAMS)]

    async def ask(size: int, call: ClientCall) -> None:
        await _send(call, m.duplex(0, size))
        assert await _receive_size(call) == size

    async def finish(call: ClientCall) -> None:
        await call.end()
        assert await call.receive() is None

    await asyncio.gather(*(ask(size, call) for size, call in enumerate(calls, 1)))
    await asyncio.gather(*map(finish, calls))


CASES: dict[str, Callable[[Channel], Awaitable[None]]] = {
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
