"""The suite's service: does what each request asks for, as a handler of the gateway's ways in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from conformance import messages as m
from prism.gateway.call import Incoming
from prism.gateway.handler import Decode
from prism.gateway.response import Response
from prism.interfaces.operation import Operation
from prism.wire import Method, ServerCall, StatusError

SERVICE: Final = m.service()
_Payload: Final = m.message("ConformancePayload")
_RequestInfo: Final = _Payload.DESCRIPTOR.nested_types_by_name["RequestInfo"]._concrete_class
_RESPONSE: Final[ContextVar[Response]] = ContextVar("response")


def note(_incoming: Incoming, response: Response) -> None:
    """A response hop: the handler sets what a request asks for, which is known only once it is read."""
    _RESPONSE.set(response)


class Service:
    """An `OperationHandler`, and the methods whose requests stream, which gRPC alone has."""

    def __init__(self) -> None:
        served = [Operation.of(method) for method in SERVICE.methods if method.name != "Unimplemented"]
        self.operations: Mapping[str, Operation] = {each.path: each for each in served if not each.client_streaming}
        self._streaming = {each.method: each for each in served if each.client_streaming}

    def streaming_methods(self) -> Mapping[str, Method]:
        """By path."""
        collected, duplex = self._streaming["client_stream"], self._streaming["bidi_stream"]
        methods = [
            Method(collected.path, self._client_stream, client_streaming=True),
            Method(duplex.path, self._bidi_stream, client_streaming=True, server_streaming=True),
        ]
        return {each.path: each for each in methods}

    async def unary(
        self, incoming: Incoming, operation: Operation, payload: bytes, decode: Decode | None = None
    ) -> bytes:
        """One message for one."""
        request = operation.request.FromString(payload if decode is None else await decode(payload))
        return await _answer(incoming, operation, [request])

    async def stream(
        self,
        incoming: Incoming,
        operation: Operation,
        payload: bytes,
        decode: Decode | None = None,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The messages that the request asks for."""
        request: Any = operation.request.FromString(payload if decode is None else await decode(payload))
        wanted = request.response_definition
        _set_metadata(incoming, wanted)
        if on_established is not None:
            on_established()
        async for answer in _answers(incoming, operation, wanted, [request]):
            yield answer

    async def _client_stream(self, call: ServerCall) -> bytes:
        operation = self._streaming["client_stream"]
        requests = [operation.request.FromString(each) async for each in call.messages]
        return await _answer(call, operation, requests)

    async def _bidi_stream(self, call: ServerCall) -> None:
        operation = self._streaming["bidi_stream"]
        received = aiter(call.messages)
        requests: list[Any] = [
            operation.request.FromString(each) for each in [await anext(received, None)] if each is not None
        ]
        first = requests[0] if requests else operation.request()
        wanted = first.response_definition
        _set_metadata(call, wanted)
        call.send_head()
        if not first.full_duplex:
            requests += [operation.request.FromString(each) async for each in received]
            async for answer in _answers(call, operation, wanted, requests):
                await call.send(answer)
            return
        sent = 0
        while requests and sent < len(wanted.response_data):
            await asyncio.sleep(wanted.response_delay_ms / 1000)
            await call.send(
                _message(operation, wanted.response_data[sent], _information(call, requests, whole=not sent))
            )
            sent += 1
            requests = [
                operation.request.FromString(each) for each in [await anext(received, None)] if each is not None
            ]
        async for answer in _answers(call, operation, wanted, requests, sent):
            await call.send(answer)


async def _answer(incoming: Incoming, operation: Operation, requests: list[Any]) -> bytes:
    wanted = requests[0].response_definition if requests else operation.request().response_definition
    _set_metadata(incoming, wanted)
    information = _information(incoming, requests)
    await asyncio.sleep(wanted.response_delay_ms / 1000)
    if wanted.HasField("error"):
        raise StatusError(m.as_status(wanted.error, information))
    return _message(operation, wanted.response_data, information)


async def _answers(
    incoming: Incoming, operation: Operation, wanted: Any, requests: list[Any], sent: int = 0
) -> AsyncIterator[bytes]:
    """What is left of the messages that are asked for, and the error."""
    information = None if sent else _information(incoming, requests)
    for data in wanted.response_data[sent:]:
        await asyncio.sleep(wanted.response_delay_ms / 1000)
        yield _message(operation, data, information)
        information = None
    if wanted.HasField("error"):
        raise StatusError(m.as_status(wanted.error, *([] if information is None else [information])))


def _message(operation: Operation, data: bytes, information: Any) -> bytes:
    return operation.response(payload=_Payload(data=data, request_info=information)).SerializeToString()


def _information(incoming: Incoming, requests: list[Any], *, whole: bool = True) -> Any:
    """What the server has seen of the request."""
    information = _RequestInfo()
    for request in requests:
        information.requests.add().Pack(request)
    if whole:
        information.request_headers.extend(m.as_headers(incoming.metadata))
        if incoming.deadline is not None:
            information.timeout_ms = int(incoming.deadline.remaining() * 1000)
    return information


def _set_metadata(incoming: Incoming, wanted: Any) -> None:
    headers, trailers = m.as_metadata(wanted.response_headers), m.as_metadata(wanted.response_trailers)
    if isinstance(incoming, ServerCall):
        incoming.set_initial(headers)
        incoming.set_trailing(trailers)
    else:
        response = _RESPONSE.get()
        response.add_headers(headers)
        response.add_trailers(trailers)
