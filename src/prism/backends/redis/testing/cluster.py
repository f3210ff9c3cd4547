"""A real cluster for tests: primaries on this machine that share the slots, and replicas of theirs."""

import asyncio
import secrets
from collections.abc import Mapping

from prism.acceptance.store.backend import SMALL_PUBSUB, LocalStore
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.polling import until
from prism.backends.redis.testing.server import USER, RedisServer

PRIMARIES = 3
SLOTS = 16384
_GOSSIP = "every node knows every other, and replicas are in step: nodes gossip, and nothing tells when they have"


class RedisCluster:
    """Some nodes; the first three are primaries, until one fails over.

    Attributes:
        nodes: primaries, then the replicas of the first, the second, ..., then those that own nothing.
    """

    def __init__(self, *, replicas: int = 0, empty: int = 0, options: Mapping[str, str] | None = None) -> None:
        """
        Args:
            replicas: so many of the primaries have one.
            empty: so many more own no slot.
            options: of every node's redis.conf; a `tls-port` without a number is one of each node's own.
        """
        own = secrets.token_hex(8)
        settings = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", "masterauth": own, **(options or {})}
        password = secrets.token_hex(8)
        self._replicas = replicas
        self.nodes = [
            RedisServer(_with_ports(settings), password=password, own_password=own)
            for _ in range(PRIMARIES + replicas + empty)
        ]

    def start(self) -> None:
        """Starts the nodes and waits until all know that every slot has its owner, and replicas are in step."""
        first = self.nodes[0]
        for node in self.nodes:
            node.start()
            node.command("CLUSTER", "MEET", "127.0.0.1", str(first.port), str(first.cluster_port))
        for number, node in enumerate(self.nodes[:PRIMARIES]):
            last = SLOTS * (number + 1) // PRIMARIES - 1
            node.command("CLUSTER", "ADDSLOTSRANGE", str(SLOTS * number // PRIMARIES), str(last))
        until(lambda: all(_knows(node, len(self.nodes)) for node in self.nodes), _GOSSIP)
        for primary, replica in zip(self.nodes, self.nodes[PRIMARIES:][: self._replicas], strict=False):
            replica.command("CLUSTER", "REPLICATE", name(primary))
            until(lambda node=primary: in_step(node), _GOSSIP)  # type: ignore[misc]  # bool

    def owner(self, key: bytes) -> RedisServer:
        """The primary of a key's slot."""
        slot = int(self.nodes[-1].command("CLUSTER", "KEYSLOT", key))
        return self.nodes[next(number for number in range(PRIMARIES) if slot < SLOTS * (number + 1) // PRIMARIES)]

    def stop(self) -> None:
        """Ends the nodes."""
        for node in self.nodes:
            node.stop()


class RedisClusterTestBackend(LocalStore):
    """`prism.acceptance.TestBackend`: a cluster of its own, and a prefix for each place."""

    lacks: Mapping[str, str] = dict.fromkeys(
        ("rotate_credentials", "kill", "pause", "disconnect"), "outages of a cluster are tests of the backend"
    )

    def __init__(self) -> None:
        self._cluster: RedisCluster | None = None

    @property
    def cluster(self) -> RedisCluster:
        """The cluster itself."""
        if self._cluster is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return self._cluster

    async def start(self) -> None:
        """Starts the nodes; raises as `RedisServer` does."""
        if self._cluster is None:
            self._cluster = RedisCluster()
            await asyncio.to_thread(self._cluster.start)

    async def stop(self) -> None:
        """Ends the nodes."""
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.stop)
            self._cluster = None

    async def reset(self) -> None:
        """Empties the nodes."""
        for node in self.cluster.nodes:
            await asyncio.to_thread(node.command, "FLUSHALL")

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A prefix of that name."""
        return {
            "mode": "cluster",
            "addresses": [self.cluster.nodes[0].address],
            "prefix": f"test-{place}",
            "pubsub": dict(SMALL_PUBSUB),
        }

    def credentials(self) -> Mapping[str, str]:
        """The account that tests use."""
        return {"username": USER, "password": self.cluster.nodes[0].password}


def _with_ports(settings: Mapping[str, str]) -> dict[str, str | HeldPort]:
    ports = {"cluster-port", *({"tls-port"} & settings.keys())}
    return {**settings, **{each: HeldPort() for each in ports}}


def name(node: RedisServer) -> str:
    """What the other nodes call it."""
    found = node.command("CLUSTER", "MYID")
    return found.decode() if isinstance(found, bytes) else str(found)


def _knows(node: RedisServer, nodes: int) -> bool:
    text = node.command("CLUSTER", "INFO")
    lines = (
        text.decode().splitlines() if isinstance(text, bytes) else [f"{name}:{value}" for name, value in text.items()]
    )
    return "cluster_state:ok" in lines and f"cluster_known_nodes:{nodes}" in lines


def in_step(primary: RedisServer) -> bool:
    """Whether its replica has got all that it had when it came."""
    found = primary.command("INFO", "replication")
    return "slave0" in found and found["slave0"]["state"] == "online"
