"""A real cluster for tests: three primaries on this machine that share the slots."""

import asyncio
import time
from collections.abc import Mapping

from prism.acceptance.backend import LocalStore
from prism.backends.redis.testing_server import USER, RedisServer, free_port

NODES = 3
_SLOTS = 16384
_PATIENCE = 30.0


class RedisClusterTestBackend(LocalStore):
    """`prism.acceptance.TestBackend`: a cluster of its own, and a prefix for each place."""

    lacks: Mapping[str, str] = dict.fromkeys(
        ("rotate_credentials", "kill", "pause", "disconnect"), "outages are tested on one server"
    )

    def __init__(self) -> None:
        self.nodes: list[RedisServer] = []

    async def start(self) -> None:
        """Starts the nodes and waits until each knows that every slot has its owner."""
        if not self.nodes:
            await asyncio.to_thread(self._start)

    def _start(self) -> None:
        options = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", "cluster-require-full-coverage": "yes"}
        first = RedisServer(options | {"cluster-port": str(free_port())})
        others = ({**options, "cluster-port": str(free_port())} for _ in range(NODES - 1))
        self.nodes = [first, *(RedisServer(each, password=first.password) for each in others)]
        for number, node in enumerate(self.nodes):
            node.start()
            last = _SLOTS * (number + 1) // NODES - 1
            node.command("CLUSTER", "ADDSLOTSRANGE", str(_SLOTS * number // NODES), str(last))
            node.command("CLUSTER", "MEET", "127.0.0.1", str(first.port), str(first.cluster_port))
        deadline = time.monotonic() + _PATIENCE
        while not all(_knows_all(node) for node in self.nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not form")
            time.sleep(0.05)  # nodes gossip, and nothing tells when they have done so

    async def stop(self) -> None:
        """Ends the nodes."""
        for node in self.nodes:
            await asyncio.to_thread(node.stop)
        self.nodes = []

    async def reset(self) -> None:
        """Empties the nodes."""
        for node in self.nodes:
            await asyncio.to_thread(node.command, "FLUSHALL")

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A prefix of that name."""
        return {"mode": "cluster", "addresses": [self.nodes[0].address], "prefix": f"test-{place}"}

    def credentials(self) -> Mapping[str, str]:
        """The account that tests use."""
        return {"username": USER, "password": self.nodes[0].password}


def _knows_all(node: RedisServer) -> bool:
    text = node.command("CLUSTER", "INFO")
    lines = (
        text.decode().splitlines() if isinstance(text, bytes) else [f"{name}:{value}" for name, value in text.items()]
    )
    return "cluster_state:ok" in lines and f"cluster_known_nodes:{NODES}" in lines
