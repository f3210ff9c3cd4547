"""What operators of a queue do: topics and groups, what is in them, and where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from google.protobuf.message import Message as AnyMessage

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.paging import MAX_PAGE_SIZE, Page, Pager
from prism.client.queue.config import (
    GroupConfig,
    Start,
    TopicConfig,
    group_config,
    group_message,
    seconds,
    start_message,
    topic_config,
    topic_message,
)
from prism.client.transport import Transport
from prism.interfaces import queue as q

OPERATIONS = {operation.method: operation for operation in q.INTERFACE.operations}

State = Literal["waiting", "delayed", "in_flight", "dead"]
_STATES: dict[str, q.State] = {
    "waiting": q.State.QUEUE_STATE_WAITING,
    "delayed": q.State.QUEUE_STATE_DELAYED,
    "in_flight": q.State.QUEUE_STATE_IN_FLIGHT,
    "dead": q.State.QUEUE_STATE_DEAD,
}


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic: its `config`, its groups, how many `messages` it keeps, and the `bytes` of these."""

    topic: str
    config: TopicConfig
    messages: int
    bytes: int
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """A group, and how many messages it has in each state, since it was made, moved by `seek` or purged.

    Attributes:
        topic: its topic.
        group: its name.
        config: whole.
        offered: all of the others together, where the backend declares `counts: exact`.
        waiting: due, and not in flight.
        delayed: not due yet.
        in_flight: a consumer's.
        acknowledged: done.
        dead: those too that are not kept any more.
        dead_kept: those that `redrive` can bring back.
        expired: outlived their time unacknowledged.
        oldest_age: seconds that the message has been due which waits longest; None where none waits.
        lag: messages that are waiting, delayed or in flight, by partition.
        consumers: messages in flight by consumer.
    """

    topic: str
    group: str
    config: GroupConfig
    offered: int
    waiting: int
    delayed: int
    in_flight: int
    acknowledged: int
    dead: int
    dead_kept: int
    expired: int
    oldest_age: float | None
    lag: dict[int, int]
    consumers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Peeked:
    """A message as a group has it, of which nothing is leased.

    Attributes:
        id: of the message.
        topic: where it was published.
        payload: its content.
        attributes: the publisher's notes on the payload.
        ordering_key: empty for none.
        published_at: by the store's clock.
        attempt: the last one that was made; 0 for none.
        due_at: when it is due, or its lease ends.
        dead_at: when it died; None for one that is not dead.
        reason: why it failed last.
        consumer_id: who has it in flight.
    """

    id: str
    topic: str
    payload: bytes
    attributes: dict[str, str]
    ordering_key: str
    published_at: datetime
    attempt: int
    due_at: datetime | None
    dead_at: datetime | None
    reason: str
    consumer_id: str


class Management:
    """Operations on topics and groups, a call each. All but `redrive` and `discard` are repeated where they fail."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def create_topic(
        self, topic: str, config: TopicConfig | None = None, *, timeout: Seconds | None = None
    ) -> TopicConfig:
        """Makes a topic, and gives its configuration. One that is there with this configuration is no error.

        Raises:
            AlreadyExists: it is there with another one.
        """
        request = q.CreateTopicRequest(topic=topic, config=topic_message(config))
        return topic_config((await self._call("create_topic", request, timeout)).config)

    async def update_topic(self, topic: str, config: TopicConfig, *, timeout: Seconds | None = None) -> TopicConfig:
        """Changes what is set in `config`, and gives the whole one."""
        request = q.UpdateTopicRequest(topic=topic, config=topic_message(config))
        return topic_config((await self._call("update_topic", request, timeout)).config)

    async def describe_topic(self, topic: str, *, timeout: Seconds | None = None) -> TopicDescription:
        """A topic, what it holds and its groups. Raises `TopicNotFound`."""
        found = await self._call("describe_topic", q.DescribeTopicRequest(topic=topic), timeout)
        return TopicDescription(
            found.topic, topic_config(found.config), found.messages, found.bytes, tuple(found.groups)
        )

    def topics(
        self,
        *,
        prefix: str = "",
        limit: int | None = None,
        page_size: int = 100,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[str]:
        """The topics, in byte order of their names; `timeout` is for each page."""

        async def fetch(cursor: bytes, size: int) -> Page[str]:
            request = q.ListTopicsRequest(prefix=prefix, limit=size, cursor=cursor)
            found = await self._call("list_topics", request, timeout)
            return Page(tuple(found.topics), found.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def delete_topic(self, topic: str, *, timeout: Seconds | None = None) -> bool:
        """Removes a topic with its groups and messages; whether it existed."""
        return bool((await self._call("delete_topic", q.DeleteTopicRequest(topic=topic), timeout)).existed)

    async def purge(self, topic: str, *, timeout: Seconds | None = None) -> int:
        """Removes the messages of a topic for every group, but not the dead; how many."""
        return int((await self._call("purge_topic", q.PurgeTopicRequest(topic=topic), timeout)).count)

    async def create_group(
        self,
        topic: str,
        group: str,
        config: GroupConfig | None = None,
        *,
        start: Start = "earliest",
        timeout: Seconds | None = None,
    ) -> GroupConfig:
        """Makes a group, and gives its configuration. One that is there with this configuration stays where it is.

        Raises:
            AlreadyExists: it is there with another one.
        """
        request = q.CreateGroupRequest(
            topic=topic, group=group, start=start_message(start), config=group_message(config)
        )
        return group_config((await self._call("create_group", request, timeout)).config)

    async def update_group(
        self, topic: str, group: str, config: GroupConfig, *, timeout: Seconds | None = None
    ) -> GroupConfig:
        """Changes what is set in `config`, and gives the whole one; leases that are given keep their deadline."""
        request = q.UpdateGroupRequest(topic=topic, group=group, config=group_message(config))
        return group_config((await self._call("update_group", request, timeout)).config)

    async def describe_group(self, topic: str, group: str, *, timeout: Seconds | None = None) -> GroupDescription:
        """A group, its counts and its consumers. Raises `TopicNotFound` or `GroupNotFound`."""
        request = q.DescribeGroupRequest(topic=topic, group=group)
        found = await self._call("describe_group", request, timeout)
        counts = found.counts
        return GroupDescription(
            topic=found.topic,
            group=found.group,
            config=group_config(found.config),
            offered=counts.offered,
            waiting=counts.waiting,
            delayed=counts.delayed,
            in_flight=counts.in_flight,
            acknowledged=counts.acknowledged,
            dead=counts.dead,
            dead_kept=counts.dead_kept,
            expired=counts.expired,
            oldest_age=seconds(found.oldest_age) if found.HasField("oldest_age") else None,
            lag={each.partition: each.messages for each in found.lag},
            consumers={each.consumer_id: each.in_flight for each in found.consumers},
        )

    def groups(
        self,
        topic: str,
        *,
        limit: int | None = None,
        page_size: int = 100,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[str]:
        """The groups of a topic, in byte order of their names; `timeout` is for each page."""

        async def fetch(cursor: bytes, size: int) -> Page[str]:
            request = q.ListGroupsRequest(topic=topic, limit=size, cursor=cursor)
            found = await self._call("list_groups", request, timeout)
            return Page(tuple(found.groups), found.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def delete_group(self, topic: str, group: str, *, timeout: Seconds | None = None) -> bool:
        """Removes a group, its dead included; its consumers end with `GroupNotFound`. Whether it existed."""
        request = q.DeleteGroupRequest(topic=topic, group=group)
        return bool((await self._call("delete_group", request, timeout)).existed)

    async def seek(self, topic: str, group: str, to: Start, *, timeout: Seconds | None = None) -> int:
        """Moves a group: what was published from there on comes again; what was before does not. The dead stay.

        Returns:
            How many messages it has to go through now.

        Raises:
            GroupInUse: the backend declares `seek: idle`, and the group has consumers.
        """
        request = q.SeekRequest(topic=topic, group=group, to=start_message(to))
        return int((await self._call("seek", request, timeout)).count)

    def peek(
        self,
        topic: str,
        group: str,
        state: State = "waiting",
        *,
        limit: int | None = None,
        page_size: int = 100,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[Peeked]:
        """The messages that a group has in one state, the oldest first; `timeout` is for each page.

        Raises:
            ValueError: the state is none of these.
        """
        if state not in _STATES:
            raise ValueError(f"state is {state!r}; give one of {', '.join(_STATES)}")

        async def fetch(cursor: bytes, size: int) -> Page[Peeked]:
            request = q.PeekRequest(topic=topic, group=group, state=_STATES[state], limit=size, cursor=cursor)
            found = await self._call("peek", request, timeout)
            return Page(tuple(_peeked(each) for each in found.messages), found.next_cursor)

        return Pager(fetch, limit=limit, page_size=min(page_size, MAX_PAGE_SIZE), cursor=cursor)

    async def redrive(
        self,
        topic: str,
        group: str,
        message_ids: Sequence[str] = (),
        *,
        limit: int = 0,
        timeout: Seconds | None = None,
    ) -> int:
        """Brings dead messages back, to this group only, as attempt 1; how many.

        Args:
            topic: its topic.
            group: whose dead.
            message_ids: which ones; without any the oldest ones, up to `limit`.
            limit: at most so many, to 10,000.
            timeout: for the call.
        """
        request = q.RedriveRequest(topic=topic, group=group, message_ids=message_ids, limit=limit)
        return int((await self._call("redrive", request, timeout)).count)

    async def discard(
        self,
        topic: str,
        group: str,
        message_ids: Sequence[str] = (),
        *,
        limit: int = 0,
        timeout: Seconds | None = None,
    ) -> int:
        """Removes dead messages, with arguments as `redrive`; how many."""
        request = q.DiscardRequest(topic=topic, group=group, message_ids=message_ids, limit=limit)
        return int((await self._call("discard", request, timeout)).count)

    async def _call(self, method: str, request: AnyMessage, timeout: Seconds | None, *, keyed: bool = False) -> Any:
        operation = OPERATIONS[method]
        answer = await self._transport.unary(
            operation, request.SerializeToString(), self._headers, timeout, keyed=keyed or operation.repeatable
        )
        return operation.response.FromString(answer)


def _peeked(peeked: q.Peeked) -> Peeked:
    message = peeked.message
    return Peeked(
        id=message.message_id,
        topic=message.topic,
        payload=message.payload,
        attributes=dict(message.attributes),
        ordering_key=message.ordering_key,
        published_at=message.published_at.ToDatetime(UTC),
        attempt=message.attempt,
        due_at=peeked.due_at.ToDatetime(UTC) if peeked.HasField("due_at") else None,
        dead_at=peeked.dead_at.ToDatetime(UTC) if peeked.HasField("dead_at") else None,
        reason=peeked.reason,
        consumer_id=peeked.consumer_id,
    )
