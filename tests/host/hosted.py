"""A plugin's host in the test's own process, on a store whose troubles the test arranges, called over a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from plugins.toy_store.store import STORES, ToyStore
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.host.backend_plugin import BackendPlugin
from prism.host.information import Information
from prism.host.instances import Instances
from prism.interfaces.keyvalue import PutItem, PutRequest
from prism.plugins.discovery import Plugin
from prism.plugins.manifest import read
from prism.rpc_status import from_status
from prism.wire import Channel, Deadline, Server, StatusError

TOY = Plugin(read((Path(__file__).parent.parent / "plugins" / "toy_store" / "plugin.toml").read_bytes()), "toy")
PLUGIN = "/prism.plugin.v1.BackendPlugin"
PUT = "prism.data.v1.KeyValue/Put"
GET = "prism.data.v1.KeyValue/Get"


@dataclass(frozen=True, slots=True)
class Hosted:
    """The host.

    Attributes:
        instances: those of the process.
        channel: to its socket.
        store: the toy store that instances are on.
    """

    instances: Instances
    channel: Channel
    store: ToyStore
    name: str

    async def ask(self, method: str, request: Message, kind: type[Any], *, timeout: float = 10.0) -> Any:
        """Calls a method of BackendPlugin; raises what its status stands for."""
        return await self.ask_at(f"{PLUGIN}/{method}", request, kind, timeout=timeout)

    async def ask_at(self, path: str, request: Message, kind: type[Any], *, timeout: float = 10.0) -> Any:
        """Calls any method."""
        try:
            answer = await self.channel.unary(path, request.SerializeToString(), deadline=Deadline.after(timeout))
        except StatusError as error:
            raise from_status(error.status) from error
        return kind.FromString(answer)

    def initialise(self, instance: str = "i", namespace: str = "n", **options: str) -> pb.InitializeRequest:
        """What starts an instance on the store; options beyond it are credentials."""
        request = pb.InitializeRequest(instance=instance, namespace=namespace, credentials=options)
        request.config.Pack(_struct(store=self.name))
        return request

    async def start(self, instance: str = "i", namespace: str = "n", **options: str) -> pb.InitializeResponse:
        """Starts an instance."""
        answer: pb.InitializeResponse = await self.ask(
            "Initialize", self.initialise(instance, namespace, **options), pb.InitializeResponse
        )
        return answer

    def put(self, instance: str = "i", namespace: str = "n") -> pb.ExecuteRequest:
        """A put of one item."""
        params = PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")]).SerializeToString()
        metadata = {"prism-namespace": namespace, "prism-instance": instance}
        return pb.ExecuteRequest(operation=PUT, raw_params=params, metadata=metadata)


def _struct(**fields: Any) -> Message:
    struct = Struct()
    struct.update(fields)
    return struct


@asynccontextmanager
async def hosting(name: str) -> AsyncIterator[Hosted]:
    """A host for the length of a block, on the toy store of that name."""
    instances = Instances(TOY)
    plugin = BackendPlugin(instances, instances.close)
    methods = {each.path: each for each in (*plugin.methods(), *Information(instances).methods())}
    async with Server(methods.get) as server:
        address = await server.listen("127.0.0.1:0")
        async with Channel(address) as channel:
            try:
                yield Hosted(instances, channel, STORES[name], name)
            finally:
                await asyncio.wait_for(instances.close(0.0), 20)
                STORES.pop(name, None)


async def until(condition: Callable[[], object]) -> None:
    """Lets others run until something holds that nobody tells of."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for is inside the host, which has no event for it
            await asyncio.sleep(0)
