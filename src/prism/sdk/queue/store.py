"""What a store implements to serve Queue over `StoredQueue`: each method is one step, all of it or nothing."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from prism.context import Context
from prism.sdk.queue.calls import (
    Claim,
    Created,
    Lease,
    Outgoing,
    Peeked,
    Published,
    Result,
    Resumed,
    Settlement,
    Start,
    Want,
)
from prism.sdk.queue.rows import Group, GroupConfig, State, Tally, Topic, TopicConfig
from prism.sdk.wakeups import Wakeups


class QueueStore(Protocol):
    """A store of queues. The context says the namespace, and until when its caller waits.

    Attributes:
        wakeups: told of every change that may give a consumer something to do, its own and those of others.
    """

    wakeups: Wakeups

    async def secret(self) -> bytes:
        """What receipts are authenticated with: the same for all who use the store."""
        ...

    async def publish(self, context: Context, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        """All of the messages or none; `create` where topics make themselves."""
        ...

    async def cancel(self, context: Context, topic: str, message_ids: Sequence[str]) -> list[str]:
        """Takes back messages; those that some group will not get."""
        ...

    async def claim(self, context: Context, topic: str, group: str, want: Want) -> Claim:
        """Leases what is due, the longest due first, and does what time has done to the group."""
        ...

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> Sequence[Result]:
        """What became of each; raises what holds for all of them."""
        ...

    async def commit(
        self, context: Context, topic: str, group: str, leases: Sequence[Lease], messages: Sequence[Outgoing],
        key: str, fingerprint: bytes, *, create: bool,
    ) -> list[str]:  # fmt: skip
        """Acknowledges and publishes, all of it or nothing; the ids."""
        ...

    async def give_back(self, context: Context, topic: str, group: str, session: str) -> None:
        """Releases what a stream has."""
        ...

    async def park(self, context: Context, topic: str, group: str, session: str, window: int) -> None:
        """Keeps what a stream had for so many microseconds, for the next stream of its consumer."""
        ...

    async def adopt(self, context: Context, topic: str, group: str, consumer: str, session: str) -> list[Resumed]:
        """Gives a stream what is kept for its consumer."""
        ...

    async def create_topic(self, context: Context, topic: str, config: TopicConfig) -> Created[TopicConfig]: ...

    async def update_topic(
        self, context: Context, topic: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig: ...

    async def describe_topic(self, context: Context, topic: str) -> tuple[Topic, int, int, list[str]]:
        """The topic, its messages, their bytes, and its groups."""
        ...

    async def list_topics(self, context: Context, prefix: str, after: str, limit: int) -> list[str]: ...

    async def delete_topic(self, context: Context, topic: str) -> bool: ...

    async def purge_topic(self, context: Context, topic: str) -> int: ...

    async def create_group(
        self, context: Context, topic: str, group: str, start: Start, config: GroupConfig | None, *,
        create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        """A group and its topic, made where they do not exist; `same` where an existing one must have `config`."""
        ...

    async def update_group(
        self, context: Context, topic: str, group: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig: ...

    async def describe_group(self, context: Context, topic: str, group: str) -> tuple[Group, Tally]: ...

    async def list_groups(self, context: Context, topic: str) -> list[str]: ...

    async def delete_group(self, context: Context, topic: str, group: str) -> bool: ...

    async def seek(self, context: Context, topic: str, group: str, start: Start) -> int: ...

    async def peek(
        self, context: Context, topic: str, group: str, want: tuple[State, bool | None], after: int, limit: int
    ) -> list[Peeked]: ...

    async def redrive(
        self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int
    ) -> int: ...

    async def discard(
        self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int
    ) -> int: ...


@runtime_checkable
class Partitioned(Protocol):
    """A store whose gateways share partitions (`sharing: partitions`)."""

    def partitions(self, context: Context, topic: str, group: str) -> Sequence[int]:
        """Those of a group that this gateway has."""
        ...
