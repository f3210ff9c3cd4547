"""What each policy costs in the data path alone: a call through chain and dispatch on an instance that does nothing.

By processor time and the fastest of many runs, so that what else the machine does matters little.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from prism.config.access import Access
from prism.config.sections.authentication import AuthenticationSection
from prism.config.sections.authorization import AuthorizationSection
from prism.config.sections.policy import PolicySection
from prism.context import Context
from prism.errors import BackendError, BackendUnavailable
from prism.gateway.chain import Policies, chain
from prism.gateway.chain_state import ChainState
from prism.gateway.gateway import Gateway
from prism.gateway.snapshot import Namespace, Snapshot
from prism.sdk.backend import Health
from prism.sdk.capabilities import DeclaredCapabilities
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import Deadline, Metadata, Peer

CALLS, RUNS = 10_000, 15
OPERATION = "/prism.data.v1.KeyValue/Get"


class Nothing:
    """An instance that answers at once; `prism.plugins.instance.Instance` as the data path sees it."""

    backend = "nothing"
    capabilities = DeclaredCapabilities()
    refusal = ""
    incarnation = 0
    refusal_kind: type[BackendError] = BackendUnavailable
    probed = Health()

    async def call(self, operation: str, payload: bytes, context: Context) -> bytes:  # noqa: ARG002  # the face
        """Answers."""
        return b"answer"

    def stream(self, operation: str, payload: bytes, context: Context) -> Any:
        """Is not asked for."""
        raise NotImplementedError

    def acquire(self) -> None:
        """Does nothing."""

    def release(self) -> None:
        """Does nothing."""


class Arrived:
    """A request, as a way in presents it."""

    __slots__ = ("deadline", "metadata", "peer")

    def __init__(self, metadata: Metadata, deadline: Deadline, peer: Peer) -> None:
        self.metadata = metadata
        self.deadline = deadline
        self.peer = peer


async def microseconds(document: Mapping[str, Any], token: str) -> float:
    """Processor time of a call under the policies of a configuration document."""
    authentication = document.get("authentication")
    section = AuthenticationSection.model_validate(authentication) if authentication else None
    access = Access(AuthorizationSection.model_validate(document["authorization"])) if section else None
    policy = document.get("policies", {}).get("default")
    plan = PolicySection.model_validate(policy) if policy else None
    served = Namespace.of("bench", frozenset({"prism.data.v1.KeyValue"}), Nothing(), plan)
    snapshot = Snapshot(1, {"bench": served}, section, access)
    gateway = Gateway(chain(Policies()), CallMetrics())
    pairs = (
        ("prism-namespace", "bench"),
        ("authorization", f"Bearer {token}"),
        ("traceparent", "00-11111111111111111111111111111111-2222222222222222-01"),
        ("x-request-id", "1"),
    )
    operation, deadline, peer = gateway.operations[OPERATION], Deadline.after(20), Peer("bench")
    async with ChainState() as chain_state:
        gateway.publish(snapshot, chain_state.hops(snapshot))

        async def run() -> float:
            began = time.process_time()
            for _ in range(CALLS):
                await gateway.unary(Arrived(Metadata.from_wire(pairs), deadline, peer), operation, b"payload")
            return (time.process_time() - began) / CALLS * 1e6

        return min([await run() for _ in range(RUNS)])


def measure(configs: Mapping[str, Mapping[str, Any]], token: str) -> dict[str, float]:
    """The same for several configurations, by name."""
    return {name: asyncio.run(microseconds(config, token)) for name, config in configs.items()}
