"""A data port with objects in memory, and a client of HTTP/1.1 that sends what it is told to, byte for byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prism.config.access import Access
from prism.config.sections.authentication import AuthenticationSection
from prism.config.sections.authorization import AuthorizationSection
from prism.config.sections.policy import PolicySection
from prism.config.sections.root import Config
from prism.gateway.chain import Policies, chain
from prism.gateway.chain_state import ChainState
from prism.gateway.gateway import Gateway
from prism.gateway.snapshot import Namespace, Snapshot
from prism.gateway.streams.heartbeats import Heartbeats
from prism.plugins.discovery import discover
from prism.plugins.in_process import InProcess
from prism.server.data_port import DataPort
from prism.services import HealthService
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire.address import Address

SERVICE = "prism.data.v1.ObjectStore"
OBJECTS = "/objects/default"


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    interim: Sequence[int] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        return str(self.json["details"][0]["debug"]["reason"])


@dataclass
class Site:
    """The port."""

    address: str
    gateway: Gateway
    chain_state: ChainState
    instance: InProcess
    port: DataPort
    policy: PolicySection | None = None

    def configure(
        self, authentication: Mapping[str, Any] | None = None, rules: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Another configuration."""
        section = None if authentication is None else AuthenticationSection.model_validate(authentication)
        access = None if section is None else Access(AuthorizationSection.model_validate({"rules": rules}))
        namespaces = {
            name: Namespace.of(name, frozenset({SERVICE}), self.instance, self.policy) for name in ("default", "other")
        }
        snapshot = Snapshot(self.gateway.snapshot.generation + 1, namespaces, section, access)
        self.gateway.publish(snapshot, self.chain_state.hops(snapshot), self.chain_state.recheck)

    async def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own; names of headers with `_` for `-`."""
        lines = [f"{method} {target} HTTP/1.1", "host: test"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body is not None and not {"content_length", "transfer_encoding"} & headers.keys():
            lines.append(f"content-length: {len(body)}")
        head = "".join(f"{line}\r\n" for line in lines) + "\r\n"
        async with self.connection() as (reader, writer):
            writer.write(head.encode("latin-1") + (body or b""))
            return await reply(reader, head_only=method == "HEAD")

    async def put(self, key: str, body: bytes = b"hello", **headers: str) -> Reply:
        """Stores an object; the key goes into the path as it is."""
        answer = await self.ask("PUT", f"{OBJECTS}/{key}", body, **headers)
        assert answer.status in (200, 201), answer.body
        return answer

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection."""
        where = Address.parse(self.address)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        try:
            async with asyncio.timeout(20):
                yield reader, writer
        finally:
            writer.close()


async def reply(reader: asyncio.StreamReader, *, head_only: bool = False) -> Reply:
    """The next answer of a connection."""
    interim = []
    while True:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status >= 200:
            break
        interim.append(status)
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name:
            assert name.lower() not in headers, f"{name} comes twice"
            headers[name.lower()] = value
    body = b""
    if not head_only and status not in (204, 304):
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            body = await reader.readexactly(int(headers["content-length"]))
    return Reply(status, headers, body, interim)


@asynccontextmanager
async def site(config: Config | None = None, policy: PolicySection | None = None) -> AsyncIterator[Site]:
    """A port that serves the namespaces `default` and `other`."""
    plugin = discover().found["memory"]
    instance = InProcess(plugin, plugin.config_model()(), plugin.credentials_model()())
    await instance.start()
    for name in ("default", "other"):
        await instance.attach(name)
    instance.refusal = ""
    gateway = Gateway(chain(Policies()), CallMetrics())
    async with ChainState() as chain_state:
        port = DataPort(gateway, HealthService(dict), Heartbeats(), config or Config())
        async with port.server:
            address = await port.server.listen("127.0.0.1:0")
            made = Site(address, gateway, chain_state, instance, port, policy)
            made.configure()
            yield made
    await instance.stop()
