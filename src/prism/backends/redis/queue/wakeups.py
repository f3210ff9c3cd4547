"""Wakes those who wait for a topic, whichever gateway has changed it.

Each change is told on a channel of its namespace. Where that cannot be heard those who wait look once a second. As long
as it is heard, what was seen of a group holds until something is told of its topic: Redis need not be asked again.
"""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass

from prism.backends.redis.data.layout import Names
from prism.backends.redis.listening.subscriber import Subscriber
from prism.errors import PrismError
from prism.interfaces.pubsub import Message
from prism.sdk.wakeups import Key, Waiter, Wakeups

_TOPIC = "q"
_POLL = 1.0
RESET = b"r"
"""Begins what is told of a topic whose groups were moved, changed or removed."""


@dataclass(slots=True)
class Seen:
    """What a claim has seen of a group.

    Attributes:
        epoch: of the group.
        until: up to when, by the loop's clock, there is nothing more to be had; 0 where there may be.
    """

    epoch: int
    until: float


class RedisWakeups(Wakeups):
    """Those who wait in this gateway.

    Args:
        subscriber: hears what others tell.
        names: of keys and channels.
        database: of the keys.

    Attributes:
        head: begins what this gateway tells.
        told_of_log: what it tells of the namespace's log (prism.sdk.pubsub).
    """

    def __init__(self, subscriber: Subscriber, names: Names, database: int) -> None:
        super().__init__()
        self._subscriber = subscriber
        self._names = names
        self._database = database
        self._name = secrets.token_hex(8)
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._heard: set[str] = set()
        self._seen: dict[Key, dict[str, Seen]] = {}
        self._looks: dict[Key, set[object]] = {}
        self.head = Message(topic=_TOPIC, message_id=self._name).SerializeToString()
        self.told_of_log = Message(topic=_TOPIC, message_id=self._name, payload=b"c").SerializeToString()

    @property
    def tell(self) -> bytes:
        """The command that tells."""
        return self._subscriber.commands.publish

    def channel(self, namespace: str) -> bytes:
        """Where changes of a namespace's topics are told: no topic of PubSub begins with NUL."""
        return self._names.channel(namespace, self._database, "\0queue")

    def join(self, key: Key, group: str = "") -> Waiter:
        event = super().join(key, group)
        if key[0] not in self._listening:
            listening = asyncio.get_running_loop().create_task(self._listen(key[0]), name="queue-wakeups")
            self._listening[key[0]] = listening
        return event

    def seen(self, key: Key, group: str) -> Seen | None:
        """What holds still of what was seen of a group."""
        return self._seen.get(key, {}).get(group)

    def look(self, key: Key) -> object:
        """A look at a topic begins: `learn` takes what it sees only if nothing is told of the topic meanwhile."""
        look = object()
        self._looks.setdefault(key, set()).add(look)
        return look

    def learn(self, key: Key, group: str, look: object, seen: Seen | None) -> None:
        """A look has ended; with None it has seen nothing."""
        looks = self._looks.get(key, set())
        if look not in looks:
            return
        looks.discard(look)
        if not looks:
            del self._looks[key]
        if seen is not None and key[0] in self._heard:
            self._seen.setdefault(key, {})[group] = seen

    def forget(self, key: Key) -> None:
        """The groups of a topic were moved, changed or removed."""
        self._seen.pop(key, None)
        self._looks.pop(key, None)

    def notify(self, key: Key) -> None:
        self._doubt(key)
        super().notify(key)

    def _doubt(self, key: Key) -> None:
        """There may be something where nothing was seen."""
        self._looks.pop(key, None)
        for seen in self._seen.get(key, {}).values():
            seen.until = 0.0

    async def _listen(self, namespace: str) -> None:
        while True:
            with suppress(PrismError):
                listening = await self._subscriber.join(self.channel(namespace), _TOPIC)
                self._notify_namespace(namespace)
                self._heard.add(namespace)
                try:
                    async for message in listening.buffer:
                        if message.message_id != self._name:
                            self.hear(namespace, message.payload)
                finally:
                    self._heard.discard(namespace)
                    self._subscriber.leave(listening)
            self._notify_namespace(namespace)
            await asyncio.sleep(_POLL)

    def hear(self, namespace: str, told: bytes, count: int = 1) -> None:
        """Something was told of a topic: there may be something for so many of each group, or all are concerned."""
        key = (namespace, told[1:].decode())
        if told[:1] == RESET:
            self.forget(key)
            self.notify(key)
        else:
            self._doubt(key)
            self.notify_takers(key, count)

    def _notify_namespace(self, namespace: str) -> None:
        for known in (self._seen, self._looks):
            for key in [each for each in known if each[0] == namespace]:
                del known[key]
        for key in self.keys():
            if key[0] == namespace:
                self.notify(key)

    async def stop(self) -> None:
        """Listens no more."""
        listening = tuple(self._listening.values())
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
