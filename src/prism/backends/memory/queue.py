"""Queue in memory: rows in dictionaries, a transaction is a function call, and no other process can come between."""

import os
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from prism.context import Context
from prism.sdk.deadline import check_time
from prism.sdk.queue import Transactions, Wakeups
from prism.sdk.queue.rows import Entry, Group, Message, Remembered, Rows, State, Tally, Topic

T = TypeVar("T")
_Place = tuple[int, bool, int, int]
"""State, whether it is blocked, `at`, `seq`: entries that are due are next to each other."""


class _Entries:
    """The entries of one group, in the orders in which they are looked for."""

    def __init__(self) -> None:
        self.by_seq: dict[int, Entry] = {}
        self.places: list[_Place] = []
        self._of: dict[int, tuple[_Place, int | None, str]] = {}
        self.expiries: list[tuple[int, int]] = []
        self.keys: dict[str, list[int]] = {}

    def put(self, entry: Entry) -> None:
        self.remove(entry.seq)
        place = (entry.state, entry.blocked, entry.at, entry.seq)
        expires_at = entry.expires_at if entry.state is State.WAITING else None
        key = entry.key if entry.state in (State.WAITING, State.IN_FLIGHT) else ""
        insort(self.places, place)
        if expires_at is not None:
            insort(self.expiries, (expires_at, entry.seq))
        if key:
            insort(self.keys.setdefault(key, []), entry.seq)
        self._of[entry.seq] = (place, expires_at, key)
        self.by_seq[entry.seq] = entry

    def remove(self, seq: int) -> None:
        if seq not in self._of:
            return
        place, expires_at, key = self._of.pop(seq)
        del self.by_seq[seq]
        del self.places[bisect_left(self.places, place)]
        if expires_at is not None:
            del self.expiries[bisect_left(self.expiries, (expires_at, seq))]
        if key:
            self.keys[key].remove(seq)
            if not self.keys[key]:
                del self.keys[key]

    def due(self, state: State, until: int) -> Iterator[Entry]:
        low = bisect_left(self.places, (state, False, 0, 0))
        high = bisect_right(self.places, (state, False, until, 1 << 63))
        return (self.by_seq[place[3]] for place in self.places[low:high])

    def of(self, state: State) -> list[Entry]:
        low = bisect_left(self.places, (state, False, 0, 0))
        high = bisect_left(self.places, (state + 1, False, 0, 0))
        return [self.by_seq[place[3]] for place in self.places[low:high]]

    def first(self, state: State) -> int | None:
        low = bisect_left(self.places, (state, False, 0, 0))
        found = self.places[low : low + 1]
        return found[0][2] if found and found[0][:2] == (state, False) else None


class MemoryRows(Rows):
    """`prism.sdk.queue.rows.Rows` of one memory store."""

    def __init__(self) -> None:
        self._number = 0
        self._topics: dict[tuple[str, str], Topic] = {}
        self._groups: dict[int, dict[str, Group]] = {}
        self._messages: dict[int, dict[int, Message]] = {}
        self._topic_of: dict[int, int] = {}
        self._ids: dict[tuple[int, str], list[int]] = {}
        self._entries: dict[int, _Entries] = {}
        self._remembered: dict[tuple[str, str], tuple[int, Remembered]] = {}

    def _next(self) -> int:
        self._number += 1
        return self._number

    def topic(self, namespace: str, name: str) -> Topic | None:
        return self._topics.get((namespace, name))

    def topics(self, namespace: str, prefix: str, after: str, limit: int) -> Sequence[str]:
        names = sorted(
            (name for of, name in self._topics if of == namespace and name.startswith(prefix)), key=str.encode
        )
        return [name for name in names if not after or name.encode() > after.encode()][:limit]

    def every_topic(self) -> Sequence[Topic]:
        return list(self._topics.values())

    def put_topic(self, topic: Topic) -> None:
        if not topic.number:
            topic.number = self._next()
            self._groups[topic.number], self._messages[topic.number] = {}, {}
        self._topics[topic.namespace, topic.name] = topic

    def remove_topic(self, topic: Topic) -> None:
        del self._topics[topic.namespace, topic.name]
        for group in self._groups.pop(topic.number).values():
            del self._entries[group.number]
        for message in self._messages.pop(topic.number).values():
            del self._topic_of[message.seq]
            self._ids.pop((topic.number, message.message_id), None)

    def group(self, topic: int, name: str) -> Group | None:
        return self._groups[topic].get(name)

    def groups(self, topic: int) -> Sequence[Group]:
        return sorted(self._groups[topic].values(), key=lambda group: group.name.encode())

    def put_group(self, group: Group) -> None:
        if not group.number:
            group.number = self._next()
            self._entries[group.number] = _Entries()
        self._groups[group.topic][group.name] = group

    def remove_group(self, group: Group) -> None:
        del self._groups[group.topic][group.name]
        del self._entries[group.number]

    def add_message(self, message: Message) -> None:
        message.seq = self._next()
        self._messages[message.topic][message.seq] = message
        self._topic_of[message.seq] = message.topic
        self._ids.setdefault((message.topic, message.message_id), []).append(message.seq)

    def put_message(self, message: Message) -> None:
        """Does nothing: what is kept is the message that was given."""

    def message(self, seq: int) -> Message | None:
        topic = self._topic_of.get(seq)
        return None if topic is None else self._messages[topic][seq]

    def messages(self, topic: int, after: int, limit: int) -> Sequence[Message]:
        kept = self._messages[topic].values()  # in the order of their numbers
        return list(islice((message for message in kept if message.seq > after), limit))

    def find(self, topic: int, message_id: str) -> Sequence[Message]:
        return [self._messages[topic][seq] for seq in self._ids.get((topic, message_id), ())]

    def outlived(self, topic: int, now: int, limit: int) -> Sequence[Message]:
        kept = self._messages[topic].values()
        return list(islice((message for message in kept if message.expires_at <= now), limit))

    def remove_message(self, seq: int) -> None:
        message = self._messages[self._topic_of.pop(seq)].pop(seq)
        sequence = self._ids[message.topic, message.message_id]
        sequence.remove(seq)
        if not sequence:
            del self._ids[message.topic, message.message_id]

    def usage(self, topic: int) -> tuple[int, int]:
        kept = [message.size for message in self._messages[topic].values() if not message.gone]
        return len(kept), sum(kept)

    def entry(self, group: int, seq: int) -> Entry | None:
        return self._entries[group].by_seq.get(seq)

    def put_entry(self, entry: Entry) -> None:
        self._entries[entry.group].put(entry)

    def remove_entry(self, group: int, seq: int) -> None:
        self._entries[group].remove(seq)

    def entries(self, seq: int) -> Sequence[Entry]:
        groups = self._groups[self._topic_of[seq]].values()
        found = (self._entries[group.number].by_seq.get(seq) for group in groups)
        return [entry for entry in found if entry is not None]

    def due(self, group: int, state: State, until: int, limit: int) -> Sequence[Entry]:
        return list(islice(self._entries[group].due(state, until), limit))

    def expiring(self, group: int, now: int, limit: int) -> Sequence[Entry]:
        entries = self._entries[group]
        high = bisect_right(entries.expiries, (now, 1 << 63))
        return [entries.by_seq[seq] for _, seq in entries.expiries[: min(high, limit)]]

    def next_at(self, group: int) -> int | None:
        entries = self._entries[group]
        known = [entries.first(State.WAITING), entries.first(State.IN_FLIGHT)]
        if entries.expiries:
            known.append(entries.expiries[0][0])
        return min((each for each in known if each is not None), default=None)

    def head(self, group: int, key: str) -> Entry | None:
        entries = self._entries[group]
        sequence = entries.keys.get(key)
        return entries.by_seq[sequence[0]] if sequence else None

    def held(self, group: int, session: str) -> Sequence[Entry]:
        return [entry for entry in self._entries[group].of(State.IN_FLIGHT) if entry.session == session]

    def parked(self, group: int, consumer: str) -> Sequence[Entry]:
        flying = self._entries[group].of(State.IN_FLIGHT)
        return [entry for entry in flying if entry.consumer == consumer and not entry.session]

    def listed(self, group: int, state: State, after: int, limit: int) -> Sequence[Entry]:
        found = sorted((each for each in self._entries[group].of(state) if each.seq > after), key=lambda each: each.seq)
        return found[:limit]

    def tally(self, group: int, now: int) -> Tally:
        waiting = self._entries[group].of(State.WAITING)
        flying = self._entries[group].of(State.IN_FLIGHT)
        due = [entry.at for entry in waiting if entry.at <= now]
        return Tally(
            waiting=len(due),
            delayed=len(waiting) - len(due),
            in_flight=len(flying),
            dead=len(self._entries[group].of(State.DEAD)),
            oldest=now - min(due, default=now),
            consumers=Counter(entry.consumer for entry in flying),
        )

    def in_flight(self, group: int) -> int:
        return len(self._entries[group].of(State.IN_FLIGHT))

    def recall(self, namespace: str, key: str, now: int) -> Remembered | None:
        until, remembered = self._remembered.get((namespace, key), (0, None))
        return remembered if until > now else None

    def remember(self, namespace: str, key: str, until: int, remembered: Remembered) -> None:
        self._remembered.pop((namespace, key), None)
        self._remembered[namespace, key] = (until, remembered)

    def forgettable(self, now: int) -> bool:
        return any(until <= now for until, _ in islice(self._remembered.values(), 1))  # the oldest is the first

    def forget(self, now: int, limit: int) -> int:
        gone = [key for key, (until, _) in islice(self._remembered.items(), limit) if until <= now]
        for each in gone:
            del self._remembered[each]
        return len(gone)


class QueueData(Transactions):
    """The queues of one memory store.

    Args:
        now: its clock.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self.rows = MemoryRows()
        self.wakeups = Wakeups()
        self._key = os.urandom(32)
        self._now = now

    async def write(self, context: Context, work: Callable[[Rows, int], T], size: int = 0) -> T:  # noqa: ARG002  # the protocol has it
        check_time(context, writes=True)
        return work(self.rows, self._now())

    async def read(self, context: Context, work: Callable[[Rows, int], T]) -> T:
        check_time(context, writes=False)
        return work(self.rows, self._now())

    def clear(self) -> None:
        """Forgets everything."""
        self.rows = MemoryRows()

    async def secret(self) -> bytes:
        """What receipts are authenticated with."""
        return self._key
