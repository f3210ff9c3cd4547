"""Messages on their way into a topic, and taken back."""

from collections.abc import Sequence

from prism.errors import AlreadyExists, Outcome, StoreFull
from prism.sdk.queue.calls import Outgoing, Published
from prism.sdk.queue.rows import Entry, Message, Remembered, Rows, State, Topic
from prism.sdk.queue.topics import Topics, expiry


class Publishing(Topics):
    """The rules of publishing."""

    def publish(
        self, rows: Rows, now: int, namespace: str, messages: Sequence[Outgoing], *, create: bool = True
    ) -> list[Published]:
        """Publishes all of the messages."""
        self._check(rows, now, namespace, messages, create=create)
        return [self._publish(rows, now, namespace, each, create=create) for each in messages]

    def _check(self, rows: Rows, now: int, namespace: str, messages: Sequence[Outgoing], *, create: bool) -> None:
        room: dict[str, int] = {}
        keys: dict[str, bytes] = {}
        for each in messages:
            key = each.idempotency_key
            if key and keys.setdefault(key, each.fingerprint) != each.fingerprint:
                raise _used_for_something_else()
            if key and self._repeated(rows, now, namespace, key, each.fingerprint):
                continue
            topic = rows.topic(namespace, each.topic)
            if topic is None:
                if not create:
                    self.ensure_topic(rows, namespace, each.topic, create=False)
                continue
            config = topic.config
            if config.max_bytes and config.until_acknowledged:
                used = room.get(each.topic, 0) or rows.usage(topic.number)[1]
                room[each.topic] = used + each.size
                if used + each.size > config.max_bytes:
                    raise StoreFull(
                        f"topic {each.topic!r} holds {used} bytes of at most {config.max_bytes}; acknowledge some, or "
                        "raise max_bytes",
                        outcome=Outcome.NOT_APPLIED,
                    )

    def _repeated(self, rows: Rows, now: int, namespace: str, key: str, fingerprint: bytes) -> Sequence[str] | None:
        remembered = rows.recall(namespace, key, now)  # 14
        if remembered is None:
            return None
        if remembered.fingerprint != fingerprint:
            raise _used_for_something_else()
        return remembered.message_ids

    def _publish(self, rows: Rows, now: int, namespace: str, each: Outgoing, *, create: bool) -> Published:
        if each.idempotency_key and (
            ids := self._repeated(rows, now, namespace, each.idempotency_key, each.fingerprint)
        ):
            return Published(ids[0], duplicate=True)
        topic, _ = self.ensure_topic(rows, namespace, each.topic, create=create)
        due = max(now, each.deliver_at or now + each.delay)
        message = Message(
            topic.number, each.message_id or self.new_id(), each.payload, each.attributes, each.ordering_key, now, due,
            each.ttl, expiry(due, each.ttl, topic.config), each.traceparent, each.size,
        )  # fmt: skip
        self._make_room(rows, topic, message.size)
        rows.add_message(message)
        for group in rows.groups(topic.number):
            self._offer(rows, group, message)
            rows.put_group(group)
        if each.idempotency_key:
            kept = Remembered(each.fingerprint, (message.message_id,))
            rows.remember(namespace, each.idempotency_key, now + self.idempotency_window, kept)
        return Published(message.message_id)

    def _make_room(self, rows: Rows, topic: Topic, size: int) -> None:
        """13: at `max_bytes` the oldest expire; what is kept until it is acknowledged never does for others.

        Such a topic refuses publishers (`_check`); a dead letter, refused to no one, comes beyond it.
        """
        if not topic.config.max_bytes or topic.config.until_acknowledged:
            return
        after, (_, used) = 0, rows.usage(topic.number)
        while used + size > topic.config.max_bytes and (oldest := rows.messages(topic.number, after, 1)):
            (message,) = oldest
            after = message.seq
            if not message.gone:  # what is gone takes no room
                used -= message.size
                self._remove(rows, topic, message, lambda _entry: False)

    def cancel(self, rows: Rows, namespace: str, topic: str, message_ids: Sequence[str]) -> list[str]:
        """Takes messages back; those that some group will not get."""
        found = self.topic(rows, namespace, topic)
        cancelled = []
        for message_id in message_ids:
            for message in rows.find(found.number, message_id):
                taken = not message.gone
                for entry in rows.entries(message.seq):
                    if entry.state is State.WAITING:
                        self._leave(rows, found, entry)
                    else:
                        taken = False
                if taken:
                    rows.remove_message(message.seq)
                else:
                    message.gone = True
                    rows.put_message(message)
                cancelled.append(message_id)
        return list(dict.fromkeys(cancelled))

    def _leave(self, rows: Rows, topic: Topic, entry: Entry) -> None:
        """A message that was taken back was never offered."""
        group = next(each for each in rows.groups(topic.number) if each.number == entry.group)
        group.offered -= 1
        rows.put_group(group)
        rows.remove_entry(entry.group, entry.seq)
        self._unblock(rows, entry)


def _used_for_something_else() -> AlreadyExists:
    return AlreadyExists("the idempotency_key was used for something else; use another key")
