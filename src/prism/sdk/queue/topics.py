"""Topics, groups, and the entries that a group has of messages: made, taken away, unblocked.

The first part of the rules of Queue (`prism.sdk.queue.engine`); numbers in comments are those of docs/contract.md.
"""

from collections.abc import Callable

from prism.errors import AlreadyExists, GroupNotFound, TopicNotFound
from prism.sdk.queue.calls import Created, Start
from prism.sdk.queue.rows import Entry, Group, GroupConfig, Message, Rows, State, Topic, TopicConfig

BATCH = 1000
"""Entries that one transaction tidies up at most."""


class Topics:
    """The rules of topics and groups.

    Args:
        new_id: gives the ids of messages.
        idempotency_window: microseconds that an idempotency key is remembered.
        max_unsettled: most messages of a group in flight.
    """

    def __init__(self, new_id: Callable[[], str], idempotency_window: int, max_unsettled: int) -> None:
        self.new_id = new_id
        self.idempotency_window = idempotency_window
        self.max_unsettled = max_unsettled

    def topic(self, rows: Rows, namespace: str, name: str) -> Topic:
        """A topic that must exist."""
        topic = rows.topic(namespace, name)
        if topic is None:
            raise TopicNotFound(f"topic {name!r} does not exist; create it with CreateTopic")
        return topic

    def group(self, rows: Rows, namespace: str, topic: str, name: str) -> tuple[Topic, Group]:
        """A group that must exist, and its topic."""
        found = self.topic(rows, namespace, topic)
        group = rows.group(found.number, name)
        if group is None:
            raise GroupNotFound(f"topic {topic!r} has no group {name!r}; create it with CreateGroup")
        return found, group

    def ensure_topic(
        self, rows: Rows, namespace: str, name: str, config: TopicConfig | None = None, *, create: bool = True
    ) -> tuple[Topic, bool]:
        """A topic, made where it does not exist, and whether it was."""
        topic = rows.topic(namespace, name)
        if topic is not None:
            return topic, False
        if not create:
            raise TopicNotFound(f"topic {name!r} does not exist, and topics of this namespace do not make themselves")
        topic = Topic(namespace, name, config or TopicConfig())
        rows.put_topic(topic)
        return topic, True

    def create_topic(self, rows: Rows, namespace: str, name: str, config: TopicConfig) -> Created[TopicConfig]:
        """A topic of this configuration."""
        topic, created = self.ensure_topic(rows, namespace, name, config)
        if topic.config != config:
            raise AlreadyExists(f"topic {name!r} exists with another configuration; change it with UpdateTopic")
        return Created(topic.config, created)

    def update_topic(
        self, rows: Rows, namespace: str, name: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        """Changes a topic; another retention is that of the messages that are there too."""
        topic = self.topic(rows, namespace, name)
        before, topic.config = topic.config, change(topic.config)
        rows.put_topic(topic)
        if topic.config.retention != before.retention:
            self._set_retention(rows, topic)
        return topic.config

    def _set_retention(self, rows: Rows, topic: Topic) -> None:
        after = 0
        while batch := rows.messages(topic.number, after, BATCH):
            for message in batch:
                after = message.seq
                message.expires_at = expiry(message.due_at, message.ttl, topic.config)
                rows.put_message(message)
                for entry in rows.entries(message.seq):
                    entry.expires_at = message.expires_at
                    rows.put_entry(entry)

    def delete_topic(self, rows: Rows, namespace: str, name: str) -> bool:
        """Removes a topic; whether there was one."""
        topic = rows.topic(namespace, name)
        if topic is None:
            return False
        rows.remove_topic(topic)
        return True

    def create_group(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, start: Start, config: GroupConfig | None,
        *, create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        """A group, made where it does not exist (12: `start` counts then only); `same` where it must have `config`."""
        found, _ = self.ensure_topic(rows, namespace, topic, create=create)
        group = rows.group(found.number, name)
        if group is not None:
            if same and group.config != (config or GroupConfig()):
                raise AlreadyExists(f"group {name!r} exists with another configuration; change it with UpdateGroup")
            return Created(group.config, created=False)
        if not create:
            raise GroupNotFound(f"topic {topic!r} has no group {name!r}, and groups of this namespace do not make "
                                "themselves")  # fmt: skip
        group = Group(found.number, name, config or GroupConfig(), used_at=now)
        rows.put_group(group)
        self._offer_from(rows, now, found, group, start)
        return Created(group.config, created=True)

    def update_group(
        self, rows: Rows, namespace: str, topic: str, name: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig:
        """Changes a group; leases keep their deadline."""
        _, group = self.group(rows, namespace, topic, name)
        group.config = change(group.config)
        rows.put_group(group)
        return group.config

    def delete_group(self, rows: Rows, namespace: str, topic: str, name: str) -> bool:
        """Removes a group; whether there was one."""
        found = rows.topic(namespace, topic)
        group = None if found is None else rows.group(found.number, name)
        if group is None:
            return False
        rows.remove_group(group)
        return True

    def _offer(self, rows: Rows, group: Group, message: Message) -> None:
        key = message.ordering_key
        blocked = bool(key) and rows.head(group.number, key) is not None  # 8
        rows.put_entry(Entry(group.number, message.seq, message.due_at, message.expires_at, key=key, blocked=blocked))
        group.offered += 1

    def _offer_from(self, rows: Rows, now: int, topic: Topic, group: Group, start: Start) -> int:
        """Offers a group what was published from a place on, and it has not as dead."""
        count, after = 0, 0
        while not start.latest and (batch := rows.messages(topic.number, after, BATCH)):
            for message in batch:
                after = message.seq
                kept = not message.gone and message.published_at >= start.time and message.expires_at > now
                if kept and rows.entry(group.number, message.seq) is None:
                    self._offer(rows, group, message)
                    count += 1
        rows.put_group(group)
        return count

    def _expire(self, rows: Rows, group: Group, entry: Entry) -> None:
        rows.remove_entry(entry.group, entry.seq)
        group.expired += 1
        self._unblock(rows, entry)

    def _unblock(self, rows: Rows, entry: Entry) -> None:
        """8: the next one of its key may come."""
        if entry.key and (head := rows.head(entry.group, entry.key)) is not None and head.blocked:
            head.blocked = False
            rows.put_entry(head)

    def _remove(self, rows: Rows, topic: Topic, message: Message, keep: Callable[[Entry], bool]) -> None:
        """Removes a message from every group that does not keep it; counted as expired where it was to be delivered."""
        kept = False
        groups = {each.number: each for each in rows.groups(topic.number)}
        for entry in rows.entries(message.seq):
            group = groups[entry.group]
            if keep(entry):
                kept = True
            elif entry.state in (State.WAITING, State.IN_FLIGHT):
                self._expire(rows, group, entry)
            else:
                group.dead_removed += entry.state is State.DEAD
                rows.remove_entry(entry.group, entry.seq)
            rows.put_group(group)
        if kept:
            message.gone, message.size = True, 0
            rows.put_message(message)
        else:
            rows.remove_message(message.seq)


def expiry(due: int, ttl: int, config: TopicConfig) -> int:
    """13: retention and ttl run from when a message is due."""
    return due + min(ttl or config.retention, config.retention)
