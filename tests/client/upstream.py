"""A gateway's wire and a memory backend in the test's own event loop, whose calls can be made to fail on purpose."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prism.backends.memory.testing import TemporaryStore
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces.catalogue import interfaces
from prism.rpc_status import to_status
from prism.sdk import Binding, DeclaredCapabilities
from prism.wire import Metadata, Method, Server, ServerCall, Status, StatusError

EVERYTHING = DeclaredCapabilities.parse(
    {
        "transactions": True,
        "compare_and_swap": "linearizable",
        "scan": True,
        "ttl": True,
        "versions": True,
        "idempotency": True,
        "pubsub": {"ordering": True, "queue_groups": True, "persistent": True},
        "queue": {
            "receipts": "any_gateway",
            "receive": True,
            "fencing": True,
            "attempts": "exact",
            "ordering": "key",
            "sharing": "messages",
            "dead_move": "atomic",
            "seek": "live",
            "counts": "exact",
            "delay": True,
            "max_nack_delay": 3600,
            "cancel": True,
            "keep": "until_acknowledged",
            "min_ack_deadline": 0.05,
            "idempotency_window": 3600,
            "atomic_publish": True,
            "atomic_commit": True,
        },
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one call: it ends with `error`, after it was carried out where `applied`.

    A stream ends with it after `messages` messages.
    """

    error: PrismError | Status
    applied: bool = False
    messages: int = 0

    def failure(self) -> StatusError:
        """The error as a handler raises it."""
        return StatusError(to_status(self.error) if isinstance(self.error, PrismError) else self.error)


@dataclass(frozen=True, slots=True)
class Seen:
    """A call that arrived: its operation, its metadata, the seconds that it had."""

    method: str
    metadata: Metadata
    seconds: float | None


class Upstream:
    """Serves every abstraction.

    Attributes:
        address: where it listens.
        seen: the calls that arrived, in their order.
        faults: what becomes of the next calls; those after them succeed.
        stalled: calls get no answer, ever.
        arrived: set when a call has.
        established: set when a stream says that it is.
        left: set when a stream has ended, on this side too.
        streams: the contexts of streams that are open, the oldest first.
    """

    def __init__(self, binding: Binding) -> None:
        self.address = ""
        self.seen: list[Seen] = []
        self.faults: deque[Fault] = deque()
        self.stalled = False
        self._binding = binding
        self.arrived = asyncio.Event()
        self.established = asyncio.Event()
        self.left = asyncio.Event()
        self.streams: list[Context] = []
        self._serving: dict[asyncio.Task[None], StatusError | None] = {}
        self._methods = {
            operation.path: Method(
                operation.path,
                self._stream if operation.server_streaming else self._unary,
                server_streaming=operation.server_streaming,
                client_streaming=operation.client_streaming,
            )
            for interface in interfaces().values()
            for operation in interface.operations
        }
        self._server = Server(self._methods.get)

    async def listen(self, address: str = "127.0.0.1:0") -> None:
        """Begins to serve."""
        self.address = await self._server.listen(address)

    async def close(self) -> None:
        """Ends, and every connection with it."""
        await self._server.close()

    def methods(self) -> list[str]:
        """The operations that were asked for, in their order."""
        return [each.method for each in self.seen]

    async def _unary(self, call: ServerCall) -> bytes:
        fault = self._note(call)
        stalled = self.stalled
        self.arrived.set()
        if stalled:
            await asyncio.Event().wait()
        if fault is not None and not fault.applied:
            raise fault.failure()
        try:
            answer: bytes = await self._binding.unary[call.path[1:]](call.message, _context(call))
        except PrismError as error:
            raise StatusError(to_status(error)) from error
        if fault is not None:
            raise fault.failure()
        return answer

    def cut(self, error: PrismError) -> None:
        """Breaks every stream that is open, as a gateway that goes does."""
        for task in self._serving:
            self._serving[task] = StatusError(to_status(error))
            task.cancel()

    async def _stream(self, call: ServerCall) -> None:
        task = asyncio.current_task()
        assert task is not None
        context = _context(call, self._on_established(call))
        self._serving[task] = None
        self.streams.append(context)
        try:
            await self._served(call, context)
        except asyncio.CancelledError:
            failure = self._serving[task]
            if failure is None:
                raise
            task.uncancel()
            raise failure from None
        finally:
            del self._serving[task]
            self.streams.remove(context)
            self.left.set()

    async def _served(self, call: ServerCall, context: Context) -> None:
        fault = self._note(call)
        sent = 0
        asked: Any = call.messages if self._methods[call.path].client_streaming else call.message
        stream: Any = self._binding.streaming[call.path[1:]](asked, context)
        try:
            async with aclosing(stream):
                async for message in stream:
                    if fault is not None and sent == fault.messages:
                        raise fault.failure()
                    await call.send(message)
                    sent += 1
                    if self.stalled:
                        await asyncio.Event().wait()
        except PrismError as error:
            raise StatusError(to_status(error)) from error
        if fault is not None:
            raise fault.failure()

    def _on_established(self, call: ServerCall) -> Callable[[], None]:
        def established() -> None:
            call.send_head()
            self.established.set()

        return established

    def _note(self, call: ServerCall) -> Fault | None:
        seconds = call.deadline.remaining() if call.deadline else None
        self.seen.append(Seen(call.path.rpartition("/")[2], call.metadata, seconds))
        return self.faults.popleft() if self.faults else None


def _context(call: ServerCall, on_established: Callable[[], None] | None = None) -> Context:
    namespace = str(call.metadata.get("prism-namespace", "default"))
    return Context(namespace, call.deadline, on_established=on_established)


@asynccontextmanager
async def serving(address: str = "127.0.0.1:0") -> AsyncIterator[Upstream]:
    """A server on a memory store of its own, for the length of a block."""
    store = TemporaryStore()
    await store.start()
    try:
        backend = await store.backend()
        upstream = Upstream(Binding(backend.interfaces, EVERYTHING))
        await upstream.listen(address)
        try:
            yield upstream
        finally:
            await upstream.close()
    finally:
        await store.stop()
