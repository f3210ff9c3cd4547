"""The way in without a gateway: straight to the backend, through the SDK's binding that every host of plugins uses."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from prism.acceptance.callers.caller import TIMEOUT, Asked, Caller, Request
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.context import Context
from prism.errors import DeadlineExceeded
from prism.interfaces.operation import Operation
from prism.sdk import Backend, Binding
from prism.wire.grpc.deadline import Deadline


@dataclass(frozen=True, slots=True)
class _Door:
    """One backend, how it is called, and the namespaces that it has been told of."""

    backend: Backend
    binding: Binding
    attached: set[str] = field(default_factory=set)


class BindingCaller(Caller):
    """Calls backends in this process; as many on one store as the store allows."""

    name = "binding"

    def __init__(self, subject: Subject, namespaces: Namespaces, backends: Sequence[Backend]) -> None:
        bindings = (Binding(backend.interfaces, subject.capabilities) for backend in backends)
        super().__init__(subject, namespaces, [*map(_Door, backends, bindings)])

    async def _call(self, door: _Door, asked: Asked) -> Any:
        context = await _enter(door, asked)
        try:
            async with asyncio.timeout(asked.timeout):
                return await _answer(door, asked, context)
        except TimeoutError as error:
            raise DeadlineExceeded("no answer from the backend in time") from error

    async def call_late(self, operation: Operation, request: Request, *, namespace: str) -> Any:
        """Runs an operation with one answer whose deadline has passed; only the backend looks at the deadline."""
        door, asked = self._door(None), Asked(operation, request, namespace, TIMEOUT)
        await _enter(door, asked)
        return await _answer(door, asked, Context(namespace, Deadline.after(-1.0)))

    async def _stream(self, door: _Door, asked: Asked) -> AsyncIterator[Any]:
        context = await _enter(door, asked)
        async with aclosing(_streaming(door, asked, context)) as payloads:
            async for payload in payloads:
                yield asked.operation.response.FromString(payload)


async def _answer(door: _Door, asked: Asked, context: Context) -> Any:
    if asked.operation.client_streaming:
        (payload,) = [each async for each in _streaming(door, asked, context)]
    else:
        payload = await door.binding.unary[asked.operation.name](_bytes(asked.request), context)
    return asked.operation.response.FromString(payload)


def _streaming(door: _Door, asked: Asked, context: Context) -> Any:
    request = asked.request
    written = _bytes(request) if isinstance(request, Message) else (_bytes(each) async for each in request)
    return door.binding.streaming[asked.operation.name](written, context)


def _bytes(request: Request) -> bytes:
    assert isinstance(request, Message), "the operation takes one request"
    return request.SerializeToString()


async def _enter(door: _Door, asked: Asked) -> Context:
    name = asked.namespace or "default"
    await asyncio.sleep(0)  # callers take turns, as they would on a socket, though a store may answer at once
    if name not in door.attached:
        await door.backend.attach(name)
        door.attached.add(name)
    return Context(name, Deadline.after(asked.timeout), on_established=asked.on_established)


@asynccontextmanager
async def open_binding(subject: Subject, namespaces: Namespaces) -> AsyncIterator[BindingCaller]:
    """Starts the store's backends, side by side, and ends them."""
    async with AsyncExitStack() as stack:
        backends = [subject.backend() for _ in range(subject.doors)]
        for backend in backends:
            stack.push_async_callback(backend.stop)
        await asyncio.gather(*(backend.start() for backend in backends))
        yield BindingCaller(subject, namespaces, backends)
