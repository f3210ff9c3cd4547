"""Any operation of any abstraction, or of a plugin's own, by its name: messages in, messages out."""

import functools
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.transport import Transport
from prism.errors import InternalError
from prism.interfaces.operation import Operation

Method = str | MethodDescriptor
"""An operation: its full name, `shelf.v1.Shelf/Dust`, or its descriptor."""

Asked = Message | AsyncIterable[Message]
"""One request, or a stream of them."""


async def call(
    transport: Transport, headers: NamespaceHeaders, method: Method, asked: Asked, timeout: Seconds | None
) -> Any:
    """As `Client.call`."""
    operation = _found(method, asked)
    if operation.server_streaming:
        raise ValueError(f"{operation.name} answers with a stream; use stream()")
    if isinstance(asked, Message):
        payload = _written(asked, operation)
        answer = await transport.unary(operation, payload, headers, timeout, keyed=operation.repeatable)
        return operation.response.FromString(answer)
    deadline = transport.deadline(timeout)
    async with aclosing(transport.stream(operation, _all_written(asked, operation), headers, deadline)) as answers:
        found = [answer async for answer in answers]  # to the end: an error may follow
    if len(found) != 1:
        raise InternalError(f"{operation.name} was answered with {len(found)} messages, where one is expected")
    return operation.response.FromString(found[0])


async def stream(
    transport: Transport, headers: NamespaceHeaders, method: Method, asked: Asked, timeout: Seconds | None
) -> AsyncGenerator[Any, None]:
    """As `Client.stream`."""
    operation = _found(method, asked)
    if not operation.server_streaming:
        raise ValueError(f"{operation.name} answers with one message; use call()")
    written = _written(asked, operation) if isinstance(asked, Message) else _all_written(asked, operation)
    deadline = None if timeout is None else transport.deadline(timeout)
    async with aclosing(transport.stream(operation, written, headers, deadline)) as answers:
        async for answer in answers:
            yield operation.response.FromString(answer)


def _found(method: Method, asked: Asked) -> Operation:
    """The operation, if it takes what is asked.

    Raises:
        ValueError: there is no description of it, or it takes a stream where there is none, or the other way round.
    """
    if isinstance(method, str):
        service, _, name = method.removeprefix("/").rpartition("/")
        pool: Any = asked.DESCRIPTOR.file.pool if isinstance(asked, Message) else Default()
        try:
            method = pool.FindServiceByName(service).methods_by_name[name]
        except KeyError:
            raise ValueError(
                f"{method} is not described in this program; import the module that protoc made for its service, or "
                "give the method's descriptor"
            ) from None
    operation = _described(method)
    if operation.client_streaming and isinstance(asked, Message):
        raise ValueError(f"{operation.name} takes a stream of requests; give an iterator of messages")
    if not operation.client_streaming and not isinstance(asked, Message):
        raise ValueError(f"{operation.name} takes one request; give the message itself")
    return operation


@functools.lru_cache(maxsize=1024)
def _described(method: MethodDescriptor) -> Operation:
    return Operation.of(method)


def _written(message: Message, operation: Operation) -> bytes:
    """Its bytes.

    Raises:
        TypeError: it is a message of another type.
    """
    given, expected = message.DESCRIPTOR.full_name, operation.request.DESCRIPTOR.full_name
    if given != expected:
        raise TypeError(f"{operation.name} takes {expected}, not {given}")
    written: bytes = message.SerializeToString()
    return written


async def _all_written(messages: AsyncIterable[Message], operation: Operation) -> AsyncGenerator[bytes, None]:
    async for message in messages:
        yield _written(message, operation)
