"""The way in without a gateway: straight to the backend, through the SDK's binding that every host of plugins uses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from google.protobuf.message import Message

from prism.acceptance.callers.caller import TIMEOUT, Turns
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.context import Context
from prism.errors import DeadlineExceeded
from prism.interfaces.operation import Operation
from prism.sdk import Backend, Binding
from prism.wire.grpc.deadline import Deadline


class BindingCaller:
    """Calls backends in this process; as many on one store as the store allows."""

    name = "binding"

    def __init__(self, subject: Subject, namespaces: Namespaces, backends: Sequence[Backend]) -> None:
        self.store = subject.name
        self.capabilities = subject.capabilities
        self.namespaces = namespaces
        self.gateways = len(backends)
        self._backends = backends
        self._bindings = [Binding(backend.interfaces, self.capabilities) for backend in backends]
        self._turns = Turns(len(backends))
        self._attached: set[tuple[int, str]] = set()

    async def call(
        self,
        operation: Operation,
        request: Message,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """See Caller."""
        binding, context = await self._enter(namespace, via, timeout)
        try:
            async with asyncio.timeout(timeout):
                payload = await binding.unary[operation.name](request.SerializeToString(), context)
        except TimeoutError as error:
            raise DeadlineExceeded("no answer from the backend in time") from error
        return operation.response.FromString(payload)

    async def call_late(self, operation: Operation, request: Message, *, namespace: str) -> Any:
        """Runs a unary operation whose deadline has passed; only the backend looks at the deadline."""
        binding, _ = await self._enter(namespace, None, TIMEOUT)
        payload = await binding.unary[operation.name](
            request.SerializeToString(), Context(namespace, Deadline.after(-1.0))
        )
        return operation.response.FromString(payload)

    async def stream(
        self,
        operation: Operation,
        request: Message,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """See Caller."""
        binding, context = await self._enter(namespace, via, timeout, on_established)
        stream: Any = binding.streaming[operation.name](request.SerializeToString(), context)
        async with aclosing(stream) as payloads:
            async for payload in payloads:
                yield operation.response.FromString(payload)

    async def _enter(
        self,
        namespace: str | None,
        via: int | None,
        timeout: float,
        on_established: Callable[[], None] | None = None,
    ) -> tuple[Binding, Context]:
        name = namespace or "default"
        door = self._turns.take(via)
        await asyncio.sleep(0)  # callers take turns, as they would on a socket, though a store may answer at once
        if (door, name) not in self._attached:
            await self._backends[door].attach(name)
            self._attached.add((door, name))
        return self._bindings[door], Context(name, Deadline.after(timeout), on_established=on_established)


@asynccontextmanager
async def open_binding(subject: Subject, namespaces: Namespaces) -> AsyncIterator[BindingCaller]:
    """Starts the store's backends, side by side, and ends them."""
    async with AsyncExitStack() as stack:
        backends = [subject.backend() for _ in range(subject.doors)]
        for backend in backends:
            stack.push_async_callback(backend.stop)
        await asyncio.gather(*(backend.start() for backend in backends))
        yield BindingCaller(subject, namespaces, backends)
