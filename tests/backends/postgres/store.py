"""Short ways to call a backend as its host does."""

import tomllib
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from google.protobuf.message import Message

from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.backends.postgres.backend import PostgresBackend
from prism.sdk import Binding, Capabilities, Context
from prism.wire.deadline import Deadline

SERVICE = "prism.data.v1.KeyValue"


class Store:
    """KeyValue of one backend, called with messages.

    Attributes:
        backend: not necessarily started.
    """

    def __init__(self, backend: PostgresBackend) -> None:
        manifest = tomllib.loads(resources.files("prism.backends.postgres").joinpath("plugin.toml").read_text())
        self.backend = backend
        self._binding = Binding(backend.interfaces, Capabilities(**manifest["capabilities"]))

    async def call(self, method: str, *, namespace: str = "ns", timeout: float | None = None, **fields: Any) -> Any:
        """One operation; `timeout` in seconds becomes its deadline."""
        request: Message = getattr(pb, f"KeyValue{method}Request")(**fields)
        context = Context(namespace, None if timeout is None else Deadline.after(timeout))
        payload = await self._binding.unary[f"{SERVICE}/{method}"](request.SerializeToString(), context)
        return getattr(pb, f"KeyValue{method}Response").FromString(payload)

    async def put(self, id_: str, items: dict[bytes, bytes], **fields: Any) -> list[bytes]:
        """Puts items; answers their versions."""
        written = [pb.KeyValuePutItem(key=key, value=value) for key, value in items.items()]
        return list((await self.call("Put", id=id_, items=written, **fields)).versions)

    async def get(self, id_: str, *keys: bytes, **fields: Any) -> dict[bytes, bytes]:
        """The values of the keys that exist."""
        answer = await self.call("Get", id=id_, keys=keys, **fields)
        return {each.key: each.value for each in answer.items}

    async def stream(self, **fields: Any) -> list[pb.KeyValueScanStreamResponse]:
        """The whole of a ScanStream."""
        request = pb.KeyValueScanStreamRequest(**fields)
        answers = self._binding.streaming[f"{SERVICE}/ScanStream"](request.SerializeToString(), Context("ns"))
        return [pb.KeyValueScanStreamResponse.FromString(each) async for each in answers]


OpenStore = Callable[..., Awaitable[Store]]
