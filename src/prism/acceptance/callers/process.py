"""The way in to a plugin in a process of its own, by prism.plugin.v1 over its socket: no gateway, and any language."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from google.protobuf.message import Message

from prism.acceptance.callers.caller import TIMEOUT, Turns
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.host.testing import RunningPlugin, running
from prism.interfaces.operation import Operation


class ProcessCaller:
    """Calls plugins' processes; as many on one store as the store allows."""

    name = "process"

    def __init__(self, subject: Subject, namespaces: Namespaces, plugins: Sequence[RunningPlugin]) -> None:
        self.store = subject.name
        self.capabilities = subject.capabilities
        self.namespaces = namespaces
        self.gateways = len(plugins)
        self._plugins = plugins
        self._turns = Turns(len(plugins))

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
        plugin = self._plugins[self._turns.take(via)]
        return await plugin.call(request, namespace=namespace or "default", operation=operation, timeout=timeout)

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
        plugin = self._plugins[self._turns.take(via)]
        stream = plugin.stream(
            request,
            namespace=namespace or "default",
            operation=operation,
            timeout=timeout,
            on_established=on_established,
        )
        async with aclosing(stream) as answers:
            async for answer in answers:
                yield answer


@asynccontextmanager
async def open_process(subject: Subject, namespaces: Namespaces) -> AsyncIterator[ProcessCaller]:
    """Starts the plugin's processes, side by side, and ends them."""
    async with AsyncExitStack() as stack:
        starts = (
            stack.enter_async_context(running(subject.command, subject.config, subject.credentials))
            for _ in range(subject.doors)
        )
        yield ProcessCaller(subject, namespaces, await asyncio.gather(*starts))
