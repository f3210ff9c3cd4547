"""HTTP/JSON on a real server, over a real gateway with the memory backend; asked with the standard library's client."""

import asyncio
import contextlib
import http.client
import json
import struct
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from prism.backends.memory.config import MemoryConfig
from prism.gateway.chain import Policies, chain
from prism.gateway.connect import Connect, Cors
from prism.gateway.gateway import Gateway
from prism.gateway.grpc import answering, grpc_methods
from prism.gateway.local_reply import GatewayLocalReply
from prism.gateway.response import ResponseHop
from prism.gateway.snapshot import Namespace, Snapshot
from prism.gateway.streams.heartbeats import Heartbeats
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import Plugin, discover
from prism.plugins.in_process import InProcess
from prism.plugins.own_services import OwnService, OwnServices
from prism.sdk import NoCredentials
from prism.services import HealthService, StandardOperations, described
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import Server, ServerConfig

KEYVALUE = "/prism.data.v1.KeyValue"
SERVICES = frozenset({"prism.data.v1.KeyValue"})
JSON = "application/json"


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    """An address that answers HTTP/JSON, and what is behind it."""

    address: str
    gateway: Gateway
    metrics: CallMetrics
    instance: InProcess
    health: HealthService

    async def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own."""
        return await asyncio.to_thread(self._ask, method, path, body, headers or {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()

    def ask_in_pieces(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One POST whose body announces no length."""
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            pieces = (body[at : at + 500] for at in range(0, len(body), 500))
            connection.request("POST", path, pieces, dict(headers), encode_chunked=True)
            response = connection.getresponse()
            return Reply(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    async def post(self, operation: str, message: Any, **headers: str) -> Reply:
        """A unary operation of KeyValue, as JSON; underscores in header names stand for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(message).encode()
        return await self.ask("POST", f"{KEYVALUE}/{operation}", body, {"content-type": JSON, **named})


@contextlib.asynccontextmanager
async def opened(
    cors: Cors | None = None,
    max_message_size: int = 1 << 20,
    response_hops: Sequence[ResponseHop] = (),
    heartbeats: Heartbeats | None = None,
    plugin: Plugin | None = None,
    own: Sequence[ServiceDescriptor] = (),
) -> AsyncIterator[Door]:
    """A door for the length of a block, and gRPC on the same port; its one namespace is `default`.

    It has the memory backend, or a plugin that is configured like it, with services of its own.
    """
    plugins = discover()
    plugin = plugin or plugins.found["memory"]
    instance = InProcess(plugin, MemoryConfig(store=uuid.uuid4().hex), NoCredentials())
    await instance.load()
    await instance.start()
    instance.refusal = ""
    metrics = CallMetrics()
    gateway = Gateway(chain(Policies()), metrics, plugins.offers())
    services = SERVICES | {each.full_name for each in own}
    gateway.snapshot = Snapshot(
        1,
        {"default": Namespace.of("default", services, instance)},
        own=OwnServices([OwnService.of(each) for each in own]),
    )
    health = HealthService(lambda: {"": True, "prism.data.v1.KeyValue": True}, interval=60.0)
    connect = Connect(
        gateway,
        cors=cors,
        max_message_size=max_message_size,
        response_hops=response_hops,
        heartbeats=heartbeats,
        beside=StandardOperations(health, described([interfaces()["keyvalue"].service, *own])),
    )
    config = ServerConfig(max_message_size=max_message_size, max_body_size=connect.body_limit)
    methods = answering(grpc_methods(gateway, heartbeats), response_hops)
    server = Server(
        methods.get,
        http=connect,
        message_bodies=connect.message_bodies,
        local_replies=GatewayLocalReply(),
        config=config,
    )
    try:
        yield Door(await server.listen("127.0.0.1:0"), gateway, metrics, instance, health)
    finally:
        await server.close()
        await instance.stop()


def enveloped(message: bytes, flags: int = 0) -> bytes:
    """A message in the envelope of a stream."""
    return struct.pack(">BI", flags, len(message)) + message


def envelopes(body: bytes) -> list[tuple[int, bytes]]:
    """The flags and messages of a stream."""
    found = []
    while body:
        flags, length = struct.unpack_from(">BI", body)
        found.append((flags, body[5 : 5 + length]))
        assert len(found[-1][1]) == length
        body = body[5 + length :]
    return found
