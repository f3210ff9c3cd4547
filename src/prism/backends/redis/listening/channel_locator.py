"""Where a channel's messages come from, and where they are sent: one server, or the node of a cluster that owns it.

In a cluster a plain PUBLISH is passed from node to node by a bus that may lose it silently. Sharded channels
are sent to their own node and heard there, over connections whose loss is noticed; a namespace's channels share a slot,
and so a node. There are no patterns of sharded channels: one more channel has everything.
"""

from collections.abc import Callable
from typing import Protocol

import redis.exceptions as driver
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection

from prism.backends.redis.errors import translate
from prism.backends.redis.listening.channel import CLASSIC, SHARDED, ChannelCommands

_FAILURES = (driver.RedisError, driver.RedisClusterException, OSError, TimeoutError)


class ChannelLocator(Protocol):
    """One server, or many.

    Attributes:
        commands: the commands of its channels.
    """

    commands: ChannelCommands

    async def locate(self, channel: bytes) -> str:
        """The address of a channel's server.

        Raises:
            PrismError: it is not known just now.
        """
        ...

    def connect(self, address: str) -> AbstractConnection:
        """A connection to there, not yet open."""
        ...

    async def look_again(self) -> None:
        """What was located was not there: the next answer of `locate` is fresh."""
        ...


class ServerLocator:
    """One server, or the primary that sentinels name."""

    commands = CLASSIC

    def __init__(self, address: str, connect: Callable[[str], AbstractConnection]) -> None:
        self._address = address
        self.connect = connect

    async def locate(self, channel: bytes) -> str:  # noqa: ARG002  # the Protocol has it
        """See ChannelLocator. With sentinels it only stands for the primary, which they name to each connection."""
        return self._address

    async def look_again(self) -> None:
        """There is nothing to remember."""


class ClusterLocator:
    """A cluster, as the driver's client knows it."""

    commands = SHARDED

    def __init__(self, client: RedisCluster, connect: Callable[[str], AbstractConnection]) -> None:
        self._client = client
        self.connect = connect

    async def locate(self, channel: bytes) -> str:
        """See ChannelLocator."""
        try:
            await self._client.initialize()
            node = self._client.get_node_from_key(channel)  # type: ignore[arg-type]  # it takes bytes
        except _FAILURES as error:
            raise translate(error, writes=False, sent=False) from error
        assert node is not None  # noqa: S101  # only of replicas there may be none
        return f"[{node.host}]:{node.port}" if ":" in node.host else f"{node.host}:{node.port}"

    async def look_again(self) -> None:
        """See ChannelLocator."""
        try:
            await self._client.nodes_manager.initialize()
        except _FAILURES as error:
            raise translate(error, writes=False, sent=False) from error
