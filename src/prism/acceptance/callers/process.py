"""The way in to a plugin in a process of its own, by prism.plugin.v1 over its socket: no gateway, and any language."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from google.protobuf.message import Message

from prism.acceptance.callers.caller import Asked, Caller
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.host.testing import RunningPlugin, running


class ProcessCaller(Caller):
    """Calls plugins' processes; as many on one store as the store allows."""

    name = "process"

    async def _call(self, door: RunningPlugin, asked: Asked) -> Any:
        namespace = asked.namespace or "default"
        if asked.operation.client_streaming:
            (answer,) = [each async for each in self._stream(door, asked)]
            return answer
        assert isinstance(asked.request, Message), "the operation takes one request"
        return await door.call(asked.request, namespace=namespace, operation=asked.operation, timeout=asked.timeout)

    async def _stream(self, door: RunningPlugin, asked: Asked) -> AsyncIterator[Any]:
        stream = door.stream(
            asked.request,
            namespace=asked.namespace or "default",
            operation=asked.operation,
            timeout=asked.timeout,
            on_established=asked.on_established,
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
