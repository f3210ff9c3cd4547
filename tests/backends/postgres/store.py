"""Short ways to call a backend as its host does."""

import tomllib
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from google.protobuf.message import Message

from prism._proto.data.v1 import cache_pb2, keyvalue_pb2, queue_pb2, timeseries_pb2
from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.backends.postgres.backend import PostgresBackend
from prism.sdk import Binding, Context, DeclaredCapabilities
from prism.wire.grpc.deadline import Deadline

SERVICE = "prism.data.v1.KeyValue"


class Store:
    """KeyValue, Cache, Queue and TimeSeries of one backend, called with messages.

    Attributes:
        backend: not necessarily started.
    """

    def __init__(self, backend: PostgresBackend) -> None:
        manifest = tomllib.loads(resources.files("prism.backends.postgres").joinpath("plugin.toml").read_text())
        self.backend = backend
        self._binding = Binding(
            backend.interfaces, DeclaredCapabilities.parse(manifest["capabilities"], manifest["interfaces"])
        )

    async def call(self, method: str, *, namespace: str = "ns", timeout: float | None = None, **fields: Any) -> Any:
        """One operation of KeyValue; `timeout` in seconds becomes its deadline."""
        context = Context(namespace, None if timeout is None else Deadline.after(timeout))
        return await self._call("KeyValue", keyvalue_pb2, method, context, fields)

    async def cache(self, method: str, *, namespace: str = "ns", timeout: float | None = None, **fields: Any) -> Any:
        """One operation of Cache; `timeout` in seconds becomes its deadline."""
        context = Context(namespace, None if timeout is None else Deadline.after(timeout))
        return await self._call("Cache", cache_pb2, method, context, fields)

    async def queue(self, method: str, *, namespace: str = "ns", timeout: float | None = None, **fields: Any) -> Any:
        """One operation of Queue; `timeout` in seconds becomes its deadline."""
        context = Context(namespace, None if timeout is None else Deadline.after(timeout))
        return await self._call("Queue", queue_pb2, method, context, fields)

    async def series(self, method: str, *, namespace: str = "ns", timeout: float | None = None, **fields: Any) -> Any:
        """One operation of TimeSeries; `timeout` in seconds becomes its deadline."""
        context = Context(namespace, None if timeout is None else Deadline.after(timeout))
        return await self._call("TimeSeries", timeseries_pb2, method, context, fields)

    async def _call(self, service: str, messages: Any, method: str, context: Context, fields: dict[str, Any]) -> Any:
        request: Message = getattr(messages, f"{service}{method}Request")(**fields)
        payload = await self._binding.unary[f"prism.data.v1.{service}/{method}"](request.SerializeToString(), context)
        return getattr(messages, f"{service}{method}Response").FromString(payload)

    async def put(self, id_: str, items: dict[bytes, bytes], **fields: Any) -> list[bytes]:
        """Puts items; answers their versions."""
        written = [pb.KeyValuePutItem(key=key, value=value) for key, value in items.items()]
        return list((await self.call("Put", id=id_, items=written, **fields)).versions)

    async def get(self, id_: str, *keys: bytes, **fields: Any) -> dict[bytes, bytes]:
        """The values of the keys that exist."""
        answer = await self.call("Get", id=id_, keys=keys, **fields)
        return {each.key: each.value for each in answer.items}

    async def stream(self, *, namespace: str = "ns", **fields: Any) -> list[pb.KeyValueScanStreamResponse]:
        """The whole of a ScanStream."""
        request = pb.KeyValueScanStreamRequest(**fields)
        answers = self._binding.streaming[f"{SERVICE}/ScanStream"](request.SerializeToString(), Context(namespace))
        return [pb.KeyValueScanStreamResponse.FromString(each) async for each in answers]


OpenStore = Callable[..., Awaitable[Store]]
