"""The way in for gRPC: a handler's operations as methods that the transport runs."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from prism.errors import DeadlineExceeded, Outcome, PrismError
from prism.gateway.handler import OperationHandler
from prism.gateway.response import ResponseHop, respond
from prism.gateway.streams.heartbeats import Heartbeats
from prism.interfaces.operation import Operation
from prism.rpc_status import to_status
from prism.wire import Method, ServerCall, StatusError


def grpc_methods(
    handler: OperationHandler, heartbeats: Heartbeats | None = None, operations: Iterable[Operation] | None = None
) -> Mapping[str, Method]:
    """Every operation that is carried out, or only these, by path; `heartbeats` are of its streams."""
    beats = heartbeats or Heartbeats()
    meant = handler.operations.values() if operations is None else operations
    return {operation.path: _method(handler, operation, beats) for operation in meant}


def answering(methods: Mapping[str, Method], hops: Sequence[ResponseHop]) -> Mapping[str, Method]:
    """The methods with the headers and trailers that these functions set; where there are none, as they are."""
    return {path: _answering(method, hops) for path, method in methods.items()} if hops else methods


def _answering(method: Method, hops: Sequence[ResponseHop]) -> Method:
    async def handle(call: ServerCall) -> bytes | None:
        response = respond(hops, call)
        call.set_initial(response.headers)
        call.set_trailing(response.trailers)
        return await method.handle(call)

    return replace(method, handle=handle)


def _responses(handler: OperationHandler, operation: Operation, call: ServerCall) -> AsyncGenerator[bytes, None]:
    asked = call.messages if operation.client_streaming else call.message
    return handler.stream(call, operation, asked, None, call.send_head)


def _method(handler: OperationHandler, operation: Operation, heartbeats: Heartbeats) -> Method:
    async def unary(call: ServerCall) -> bytes:
        try:
            return await handler.unary(call, operation, call.message)
        except PrismError as error:
            raise StatusError(to_status(error)) from error

    async def stream(call: ServerCall) -> None:
        heartbeat = heartbeats.begin(call.metadata, partial(call.send_aside, b""))
        try:
            async with aclosing(_responses(handler, operation, call)) as responses:
                async for response in responses:
                    if heartbeat is not None:
                        heartbeat.quiet = False
                    await call.send(response)
        except PrismError as error:
            raise StatusError(to_status(error)) from error
        finally:
            heartbeats.end(heartbeat)

    async def collect(call: ServerCall) -> bytes:
        try:
            async with aclosing(_responses(handler, operation, call)) as responses:
                async for response in responses:
                    return response
        except PrismError as error:
            raise StatusError(to_status(error)) from error
        raise AssertionError("an operation with one response gives it, or fails")

    if operation.server_streaming:
        handle: Callable[[ServerCall], Awaitable[bytes | None]] = stream
    else:
        handle = collect if operation.client_streaming else unary
    late = DeadlineExceeded(
        "the deadline passed before the call finished; allow more time",
        outcome=None if operation.reads else Outcome.UNKNOWN,
    )
    return Method(operation.path, handle, operation.client_streaming, operation.server_streaming, late=to_status(late))
