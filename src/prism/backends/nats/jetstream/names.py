"""How streams, consumers and subjects are called: readable where a name allows that, and never two the same.

Streams and consumers are files at the server, and their names may hold neither dots nor wildcards nor slashes: what is
not a plain word is replaced by its digest, which begins as no plain word does.
"""

import re
from functools import lru_cache
from hashlib import blake2b

from prism.backends.nats.subjects import token

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")
_END = "+"


@lru_cache(8192)
def word(text: str) -> str:
    """Any text as a part of the name of a stream or a consumer."""
    return text if _PLAIN.fullmatch(text) else f"={blake2b(text.encode(), digest_size=16).hexdigest()}"


def log_stream(prefix: str, namespace: str) -> str:
    """The stream of a namespace's PubSub."""
    return f"{word(prefix)}{_END}{word(namespace)}{_END}log"


class QueueNames:
    """Names of one namespace's queues.

    Attributes:
        root: what every subject begins with; no topic of PubSub does.
        state: the stream of what is known of deliveries, and its subjects' beginning.
        told: where gateways tell each other of changes.
    """

    __slots__ = ("_streams", "root", "state", "state_root", "told")

    def __init__(self, prefix: str, namespace: str) -> None:
        self.root = f"{prefix}.$queue.{token(namespace)}."
        self._streams = f"{word(prefix)}{_END}{word(namespace)}{_END}"
        self.state = f"{self._streams}state"
        self.state_root = f"{self.root}x."
        self.told = f"{self.root}n"

    def stream(self, topic: str) -> str:
        """The stream of a topic."""
        return f"{self._streams}queue{_END}{word(topic)}"

    def dead_stream(self, topic: str) -> str:
        """The stream of what is dead in any group of a topic."""
        return f"{self._streams}dead{_END}{word(topic)}"

    @staticmethod
    def consumer(group: str, epoch: int) -> str:
        """The durable consumer of a group: another one after each Seek."""
        return f"{word(group)}{_END}{epoch}"

    def topic(self, topic: str) -> str:
        """Where a topic's messages are published."""
        return f"{self.root}t.{token(topic)}"

    def delayed(self, topic: str, message_id: str = "*") -> str:
        """Where a message waits until it is due."""
        return f"{self.root}s.{token(topic)}.{message_id}"

    def redriven(self, topic: str, group: str) -> str:
        """Where messages are published for one group alone."""
        return f"{self.root}r.{token(topic)}.{group if group == '*' else token(group)}"

    def dead(self, topic: str, group: str, seq: int | str = "*") -> str:
        """Where a message of a group is kept as dead, by its number in the topic."""
        return f"{self.root}d.{token(topic)}.{group if group == '*' else token(group)}.{seq}"

    def delivery(self, topic: str, group: str, seq: int | str) -> str:
        """What is known of the deliveries of a message."""
        return f"{self.state_root}l.{token(topic)}.{token(group)}.{seq}"

    def parked(self, topic: str, group: str, consumer: str) -> str:
        """What is kept for a consumer whose stream broke."""
        return f"{self.state_root}p.{token(topic)}.{token(group)}.{token(consumer)}"

    def counted(self, topic: str, group: str) -> str:
        """What is counted of a group."""
        return f"{self.state_root}c.{token(topic)}.{token(group)}"

    def of_group(self, topic: str, group: str) -> list[str]:
        """All that is known of a group, as patterns of subjects."""
        mine = f"{token(topic)}.{token(group)}"
        return [f"{self.state_root}l.{mine}.*", f"{self.state_root}p.{mine}.*", f"{self.state_root}c.{mine}"]
