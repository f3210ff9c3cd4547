"""A real data path over the memory backend, for tests of what is told of its calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prism.gateway.chain import Policies, chain
from prism.gateway.gateway import Gateway
from prism.gateway.snapshot import Namespace, Snapshot
from prism.interfaces import keyvalue as kv
from prism.plugins.discovery import discover
from prism.plugins.in_process import InProcess
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import EMPTY_METADATA, Deadline, Metadata, Peer

SERVICE = "prism.data.v1.KeyValue"
PUT = kv.PutRequest(id="record", items=[kv.PutItem(key=b"key", value=b"value")]).SerializeToString()
GET = kv.GetRequest(id="record", keys=[b"key"]).SerializeToString()
MALFORMED = kv.GetRequest().SerializeToString()


@dataclass
class Incoming:
    """A request as any way in presents it."""

    metadata: Metadata = EMPTY_METADATA
    deadline: Deadline | None = None
    peer: Peer = field(default_factory=lambda: Peer("192.0.2.7:1234"))


@asynccontextmanager
async def data_path(*names: str, policies: Policies | None = None) -> AsyncIterator[Gateway]:
    """A gateway with these namespaces on one memory backend."""
    plugin = discover().found["memory"]
    instance = InProcess(plugin, plugin.config_model()(), plugin.credentials_model()())
    await instance.start()
    for name in names:
        await instance.attach(name)
    instance.refusal = ""
    gateway = Gateway(chain(policies or Policies()), CallMetrics())
    gateway.snapshot = Snapshot(1, {name: Namespace.of(name, frozenset({SERVICE}), instance) for name in names})
    try:
        yield gateway
    finally:
        await instance.stop()


async def call(gateway: Gateway, method: str, payload: bytes, namespace: str = "", **metadata: str) -> bytes:
    """One call; metadata by its name with underscores."""
    pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
    if namespace:
        pairs.append(("prism-namespace", namespace))
    return await gateway.unary(Incoming(Metadata(pairs)), gateway.operations[f"/{SERVICE}/{method}"], payload)
