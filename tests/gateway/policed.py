"""A data path with policies, over a real memory backend: what a gateway is without its listeners."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prism.backends.memory.config import MemoryConfig
from prism.config.access import Access
from prism.config.sections.authentication import AuthenticationSection
from prism.config.sections.authorization import AuthorizationSection
from prism.config.sections.policy import PolicySection
from prism.gateway.chain import Policies, chain
from prism.gateway.chain_state import ChainState
from prism.gateway.gateway import Gateway
from prism.gateway.snapshot import Namespace, Snapshot
from prism.interfaces import keyvalue as kv
from prism.plugins.discovery import discover
from prism.plugins.in_process import InProcess
from prism.sdk import NoCredentials
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import EMPTY_METADATA, Deadline, Metadata, Peer

SERVICE = "prism.data.v1.KeyValue"
PUT = kv.PutRequest(id="record", items=[kv.PutItem(key=b"key", value=b"value")]).SerializeToString()
GET = kv.GetRequest(id="record", keys=[b"key"]).SerializeToString()
EVERYTHING = [{"principals": ["*"], "namespaces": ["*"], "operations": ["read", "write"]}]


@dataclass
class Incoming:
    """A request as any way in presents it."""

    metadata: Metadata = EMPTY_METADATA
    deadline: Deadline | None = None
    peer: Peer = field(default_factory=lambda: Peer("test"))


@dataclass
class Policed:
    """A gateway, what polices it, and what is behind it."""

    gateway: Gateway
    chain_state: ChainState
    instance: InProcess
    names: Sequence[str]
    policy: PolicySection | None = None
    services: frozenset[str] = frozenset({SERVICE})

    def configure(self, authentication: Mapping[str, Any] | None, rules: Sequence[Mapping[str, Any]]) -> None:
        """The next snapshot."""
        section = None if authentication is None else AuthenticationSection.model_validate(authentication)
        access = None if section is None else Access(AuthorizationSection.model_validate({"rules": rules}))
        namespaces = {name: Namespace.of(name, self.services, self.instance, self.policy) for name in self.names}
        namespaces["free"] = Namespace.of("free", frozenset({SERVICE}), self.instance)
        snapshot = Snapshot(self.gateway.snapshot.generation + 1, namespaces, section, access)
        self.gateway.publish(snapshot, self.chain_state.hops(snapshot), self.chain_state.recheck)

    async def ask(
        self, method: str = "Get", namespace: str = "default", *, peer: Peer | None = None, **headers: str
    ) -> bytes:
        """One call; underscores in header names stand for dashes."""
        pairs = [("prism-namespace", namespace), *((name.replace("_", "-"), text) for name, text in headers.items())]
        incoming = Incoming(Metadata(pairs), peer=peer or Peer("test"))
        operation = self.gateway.operations[f"/{SERVICE}/{method}"]
        return await self.gateway.unary(incoming, operation, GET if operation.reads else PUT)


@contextlib.asynccontextmanager
async def policed(
    authentication: Mapping[str, Any] | None = None,
    rules: Sequence[Mapping[str, Any]] = EVERYTHING,
    names: Sequence[str] = ("default",),
    policy: Mapping[str, Any] | None = None,
    services: Sequence[str] = (SERVICE,),
) -> AsyncIterator[Policed]:
    """A gateway for the length of a block; the namespace `free` has no policy."""
    plugins = discover()
    instance = InProcess(plugins.found["memory"], MemoryConfig(store=uuid.uuid4().hex), NoCredentials())
    await instance.start()
    instance.refusal = ""
    gateway = Gateway(chain(Policies()), CallMetrics(), plugins.offers())
    try:
        async with ChainState() as chain_state:
            chain_state.on_withdrawn = lambda: gateway.subscriptions.review(chain_state.withdrawn)
            section = None if policy is None else PolicySection.model_validate(policy)
            world = Policed(gateway, chain_state, instance, names, section, frozenset(services))
            world.configure(authentication, rules)
            yield world
    finally:
        await instance.stop()
