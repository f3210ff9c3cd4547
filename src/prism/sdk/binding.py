"""Binds a backend's objects to the operations of the contract: decode, check, call, encode.

The host of a plugin, wherever it runs, calls operations by name with bytes; the author's methods take and give
messages.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Protocol, runtime_checkable

from google.protobuf.message import DecodeError, Message

from prism.context import Context
from prism.errors import (
    CallerError,
    DataLoss,
    InternalError,
    InvalidArgument,
    Outcome,
    PrismError,
    Violation,
    answer_too_large,
    out_of_memory,
)
from prism.interfaces.capabilities import Capabilities, undeclared
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Interface, Operation, Requests
from prism.sdk.capabilities import DeclaredCapabilities
from prism.sdk.extension import operations_of
from prism.sdk.validation import Validator, validator

log = logging.getLogger(__name__)

Unary = Callable[[bytes, Context], Awaitable[bytes]]
Streaming = Callable[[bytes | Requests, Context], AsyncIterator[bytes]]


@runtime_checkable
class Declares(Protocol):
    """An object that goes by what its manifest declares: it is told before its first call."""

    def declare(self, capabilities: Any) -> None:
        """The capabilities of its abstraction, that one's own model."""
        ...


@runtime_checkable
class DecodesRequests(Protocol):
    """An object that reads requests of streams by itself where it can, to be spared a copy."""

    def decoder(self, method: str) -> Callable[[bytes], Any] | None:
        """For an operation, by its Python name: gives what stands for a valid message, or None to have it decoded."""
        ...


class Binding:
    """The operations that a backend serves.

    Attributes:
        unary: operations with one request and one response, by full gRPC method name.
        streaming: operations with a stream of requests, of responses, or of both.
        every: each of them as the contract has it, by the same names.
        operations: those that are served; the others are refused for want of a capability.
    """

    def __init__(self, objects: Iterable[object], declared: DeclaredCapabilities) -> None:
        """
        Args:
            objects: each an implementation of a Protocol in `prism.interfaces`, or with marked methods of its own.
            declared: what the manifest declares.

        Raises:
            TypeError: an object serves nothing, or lacks a method of what it serves.
        """
        self.unary: dict[str, Unary] = {}
        self.streaming: dict[str, Streaming] = {}
        self.every: dict[str, Operation] = {}
        self.operations: dict[str, Operation] = {}
        for implementation in objects:
            served, own = _interfaces_of(implementation), tuple(operations_of(implementation))
            if not served and not own:
                kind = type(implementation).__name__
                raise TypeError(f"{kind} implements no Protocol of prism.interfaces; subclass one, or mark @operation")
            for interface in served:
                self._bind(interface, implementation, declared.of(interface.name))
            for method, operation in own:
                self._serve(operation, getattr(implementation, method), declared.whole)

    def _bind(self, interface: Interface, implementation: object, capabilities: Capabilities) -> None:
        bound: dict[str, _Bound] = {}
        if isinstance(implementation, Declares):
            implementation.declare(capabilities)

        async def invoke(method: str, request: Message, context: Context) -> Any:
            return await bound[method].invoke(request, context)

        for operation in interface.operations:
            method: Callable[..., Any] | None = None
            if operation.method in interface.derived and not hasattr(implementation, operation.method):
                method = _derivation(interface, operation, invoke, capabilities.max_payload)
            elif not operation.requires or capabilities.declares(operation.requires):
                method = _implemented(interface, operation, implementation)
            decode_itself = None
            if operation.client_streaming and isinstance(implementation, DecodesRequests):
                decode_itself = implementation.decoder(operation.method)
            bound[operation.method] = self._serve(operation, method, capabilities, decode_itself)

    def _serve(
        self,
        operation: Operation,
        method: Callable[..., Any] | None,
        capabilities: Capabilities,
        decode_itself: Callable[[bytes], Any] | None = None,
    ) -> "_Bound":
        if method is None or (operation.requires and not capabilities.declares(operation.requires)):
            method = _refusal(operation)
        else:
            self.operations[operation.name] = operation
        validate = validator(operation.request.DESCRIPTOR, capabilities)
        each = _Bound(operation, method, validate, capabilities.max_payload, decode_itself)
        self.every[operation.name] = operation
        if operation.streams:
            self.streaming[operation.name] = each.stream
        else:
            self.unary[operation.name] = each.call
        return each


class _Bound:
    """One operation of one implementation."""

    __slots__ = ("_decode", "_decode_itself", "_method", "_most", "_operation", "_validate")

    def __init__(
        self,
        operation: Operation,
        method: Callable[..., Any],
        validate: Validator,
        most: int,
        decode_itself: Callable[[bytes], Any] | None = None,
    ) -> None:
        self._operation = operation
        self._method = method
        self._validate = validate
        self._most = most
        self._decode = operation.request.FromString
        self._decode_itself = decode_itself

    async def call(self, payload: bytes, context: Context) -> bytes:
        """Runs a unary operation; its errors are PrismErrors, those of a write with their outcome."""
        try:
            request = self._decoded(payload)
            response = await self._method(request, context)
            answer: bytes = response.SerializeToString()
            if len(answer) > self._most and self._operation.reads:
                raise answer_too_large(len(answer), self._most)
        except PrismError as error:
            self._note_outcome(error)
            raise
        except Exception as error:
            raise self._translated(error) from error
        return answer

    async def invoke(self, request: Message, context: Context) -> Any:
        """Runs a unary operation on a message."""
        try:
            self._validate(request)
            return await self._method(request, context)
        except PrismError as error:
            self._note_outcome(error)
            raise
        except Exception as error:
            raise self._translated(error) from error

    async def stream(self, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """Runs an operation that streams; asked with a stream where its requests are one."""
        try:
            request = self._decoded(asked) if isinstance(asked, bytes) else self._all_decoded(asked)
            if self._operation.server_streaming:
                async with aclosing(self._method(request, context)) as responses:
                    async for response in responses:
                        yield response.SerializeToString()
            else:
                response = await self._method(request, context)
                yield response.SerializeToString()
        except PrismError as error:
            self._note_outcome(error)
            raise
        except Exception as error:
            raise self._translated(error) from error

    def _decoded(self, payload: bytes) -> Message:
        if len(payload) > self._most:
            violation = Violation("the request", f"{len(payload)} bytes", f"at most {self._most} are allowed")
            raise InvalidArgument(str(violation), violations=[violation])
        try:
            request = self._decode(payload)
        except DecodeError as error:
            name = self._operation.request.DESCRIPTOR.full_name
            raise InvalidArgument(f"the request is not a {name}; send one as the .proto says") from error
        self._validate(request)
        return request

    async def _all_decoded(self, requests: Requests) -> AsyncIterator[Message]:
        decode_itself = self._decode_itself
        async for payload in requests:
            request = None if decode_itself is None else decode_itself(payload)
            yield self._decoded(payload) if request is None else request

    def _translated(self, error: Exception) -> PrismError:
        if isinstance(error, DecodeError):  # the request was decoded before: this is of what the store holds
            log.exception("%s found something in the store that it cannot read", self._operation.name)
            translated: PrismError = DataLoss(
                f"{self._operation.name} found something damaged in the store; the backend's log has the details"
            )
        elif isinstance(error, MemoryError):
            translated = out_of_memory(self._operation.name)
            log.error("%s", translated.message)  # where it was asked for is by chance
        else:
            log.exception(
                "operation %s failed in the plugin with an unexpected error; this is a defect in Prism or a plugin: "
                "report it with the traceback below",
                self._operation.name,
            )
            translated = InternalError(f"{self._operation.name} failed inside the backend; its log has the details")
        self._note_outcome(translated)
        return translated

    def _note_outcome(self, error: PrismError) -> None:
        """A write that fails says what became of it."""
        if error.outcome is None and not self._operation.reads:
            error.outcome = Outcome.NOT_APPLIED if isinstance(error, CallerError) else Outcome.UNKNOWN


def _interfaces_of(implementation: object) -> list[Interface]:
    return [each for each in interfaces().values() if each.protocol in type(implementation).__mro__]


def _implemented(interface: Interface, operation: Operation, implementation: object) -> Callable[..., Any]:
    """The object's method for an operation; a Protocol's own body does not count."""
    kind = type(implementation)
    stated = interface.protocol_of(operation)
    found = getattr(kind, operation.method, None)
    if found is None or found is vars(stated).get(operation.method):
        why = f"; the manifest declares {operation.requires!r} for {interface.name}" if operation.requires else ""
        raise TypeError(
            f"{kind.__name__} does not implement {operation.method}() of {stated.__module__}.{stated.__name__}{why}"
        )
    method: Callable[..., Any] = getattr(implementation, operation.method)
    return method


def _refusal(operation: Operation) -> Callable[..., Any]:
    async def refuse(_request: Any, _context: Context) -> Message:
        raise undeclared(operation.requires, operation.name)

    async def refuse_stream(_request: Any, _context: Context) -> AsyncIterator[Message]:
        raise undeclared(operation.requires, operation.name)
        yield  # makes it a generator

    return refuse_stream if operation.server_streaming else refuse


def _derivation(
    interface: Interface, operation: Operation, invoke: Callable[..., Any], most: int
) -> Callable[..., Any]:
    derive = interface.derived[operation.method]

    async def method(request: Message, context: Context) -> Message:
        return await derive(invoke, request, context, most)

    return method
