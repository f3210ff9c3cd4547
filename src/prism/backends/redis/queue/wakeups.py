"""Wakes those who wait for a topic, whichever gateway has changed it.

Each change is told on a channel of its namespace. Where that cannot be heard those who wait look once a second.
"""

import asyncio
import secrets
from contextlib import suppress

from prism.backends.redis.data.layout import Names
from prism.backends.redis.listening.subscriber import Subscriber
from prism.errors import PrismError
from prism.interfaces.pubsub import Message
from prism.sdk.wakeups import Key, Waiter, Wakeups

_TOPIC = "q"
_POLL = 1.0
RESET = b"r"
"""Begins what is told of a topic whose groups were moved, changed or removed."""


class RedisWakeups(Wakeups):
    """Those who wait in this gateway.

    Args:
        subscriber: hears what others tell.
        names: of keys and channels.
        database: of the keys.

    Attributes:
        epochs: those that are known of groups, by topic; nothing is known where changes cannot be heard.
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
        self.epochs: dict[Key, dict[str, int]] = {}
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

    def learn(self, key: Key, group: str, epoch: int) -> None:
        """A group's epoch, until something is told of it."""
        if key[0] in self._heard:
            self.epochs.setdefault(key, {})[group] = epoch

    async def _listen(self, namespace: str) -> None:
        while True:
            with suppress(PrismError):
                listening = await self._subscriber.join(self.channel(namespace), _TOPIC)
                self._notify_namespace(namespace)
                self._heard.add(namespace)
                try:
                    async for message in listening.buffer:
                        if message.message_id != self._name:
                            self._hear((namespace, message.payload[1:].decode()), message.payload[:1])
                finally:
                    self._heard.discard(namespace)
                    self._subscriber.leave(listening)
            self._notify_namespace(namespace)
            await asyncio.sleep(_POLL)

    def _hear(self, key: Key, kind: bytes) -> None:
        if kind == RESET:
            self.epochs.pop(key, None)
        self.notify(key)

    def _notify_namespace(self, namespace: str) -> None:
        for key in [each for each in self.epochs if each[0] == namespace]:
            del self.epochs[key]
        for key in self.keys():
            if key[0] == namespace:
                self.notify(key)

    async def stop(self) -> None:
        """Listens no more."""
        listening = tuple(self._listening.values())
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
