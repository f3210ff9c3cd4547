"""The suite's service: does what each request asks for, as a handler of the gateway's ways in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from conformance import messages as m
from prism.gateway.call import Incoming
from prism.gateway.handler import Decode
from prism.gateway.response import Response
from prism.interfaces.operation import Operation, Requests
from prism.wire import ServerCall, StatusError

SERVICE: Final = m.service()
_Payload: Final = m.message("ConformancePayload")
_RequestInfo: Final = _Payload.DESCRIPTOR.nested_types_by_name["RequestInfo"]._concrete_class
_RESPONSE: Final[ContextVar[Response]] = ContextVar("response")


def note(_incoming: Incoming, response: Response) -> None:
    """A response hop: the handler sets what a request asks for, which is known only once it is read."""
    _RESPONSE.set(response)


class Service:
    """An `OperationHandler`."""

    def __init__(self) -> None:
        served = [Operation.of(method) for method in SERVICE.methods if method.name != "Unimplemented"]
        self.operations: Mapping[str, Operation] = {each.path: each for each in served}

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
        asked: bytes | Requests,
        decode: Decode | None = None,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The messages that the request, or the first of several, asks for."""
        received = _decoded(asked, decode)
        if not operation.server_streaming:
            requests = [operation.request.FromString(each) async for each in received]
            yield await _answer(incoming, operation, requests)
            return
        requests = [operation.request.FromString(each) for each in await _next(received)]
        first: Any = requests[0] if requests else operation.request()
        wanted = first.response_definition
        _set_metadata(incoming, wanted)
        if on_established is not None:
            on_established()
        sent = 0
        if getattr(first, "full_duplex", False):
            while requests and sent < len(wanted.response_data):
                await asyncio.sleep(wanted.response_delay_ms / 1000)
                information = _information(incoming, requests, whole=not sent)
                yield _message(operation, wanted.response_data[sent], information)
                sent += 1
                requests = [operation.request.FromString(each) for each in await _next(received)]
        else:
            requests += [operation.request.FromString(each) async for each in received]
        async for answer in _answers(incoming, operation, wanted, requests, sent):
            yield answer


async def _decoded(asked: bytes | Requests, decode: Decode | None) -> AsyncIterator[bytes]:
    """The one message, or the many."""
    if isinstance(asked, bytes):
        yield asked if decode is None else await decode(asked)
    else:
        async for message in asked:
            yield message if decode is None else await decode(message)


async def _next(received: AsyncIterator[bytes]) -> list[bytes]:
    """The next message; empty after the last."""
    return [each] if (each := await anext(received, None)) is not None else []


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
