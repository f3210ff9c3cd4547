"""Names in Kafka: of topics and of groups, made so that two names never become one.

Kafka takes letters, digits, `.`, `_` and `-`, up to 249 of them, and holds `.` and `_` for alike. So `.` separates
parts, `_` is never used, and what is not a letter or digit is `-` and two digits each byte. A name that becomes too
long is its digest, behind `-x`; what it is of, the catalogue knows.
"""

from hashlib import blake2b
from typing import Final

_KEPT: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_MOST: Final = 200
_PART: Final = 90


def encoded(name: str) -> str:
    """A part of a name."""
    made = "".join(chr(byte) if byte in _KEPT else f"-{byte:02X}" for byte in name.encode())
    if len(made) <= _PART:
        return made
    return f"-x{blake2b(name.encode(), digest_size=16).hexdigest()}"


class Names:
    """The names of one installation.

    Args:
        prefix: begins all of them.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    @property
    def catalogue(self) -> str:
        """The topic that says which topics and groups there are."""
        return f"{self.prefix}.-catalogue"

    def topic(self, namespace: str, topic: str) -> str:
        """The topic of a topic."""
        return self._short(f"{self.prefix}.{encoded(namespace)}.{encoded(topic)}")

    def log(self, namespace: str) -> str:
        """The topic of all that is published in a namespace by PubSub."""
        return self._short(f"{self.prefix}.{encoded(namespace)}.-pubsub")

    def group(self, namespace: str, topic: str, group: str) -> str:
        """The id of a group."""
        return self._short(f"{self.prefix}.{encoded(namespace)}.{encoded(topic)}.{encoded(group)}")

    def dead(self, namespace: str, topic: str, group: str) -> str:
        """The topic of a group's dead messages."""
        return f"{self.group(namespace, topic, group)}.-dead"

    def redriven(self, namespace: str, topic: str, group: str) -> str:
        """The topic of what is brought back to a group alone."""
        return f"{self.group(namespace, topic, group)}.-again"

    def _short(self, name: str) -> str:
        if len(name) <= _MOST:
            return name
        return f"{self.prefix}.-x{blake2b(name.encode(), digest_size=16).hexdigest()}"
