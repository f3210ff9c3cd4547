"""Where a namespace's topics are in NATS: `PREFIX.NAMESPACE.TOPIC`, each token written so that any text is safe in it.

What NATS gives a meaning to (dots, wildcards, white space), what is not ASCII, and `%` itself is percent-encoded.
"""

from functools import lru_cache
from urllib.parse import quote, unquote

from prism.sdk.topics import ONE, REST

_SAFE = "!\"#$&'()+,-/:;<=?@[\\]^_`{|}~"


class Subjects:
    """The subjects under one prefix."""

    __slots__ = ("_prefix", "of_topic")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.of_topic = lru_cache(4096)(self._of_topic)

    def _of_topic(self, namespace: str, topic: str) -> str:
        """Where a topic's messages are published."""
        return f"{self.root(namespace)}{'.'.join(map(token, topic.split('.')))}"

    def of_pattern(self, namespace: str, pattern: str) -> str:
        """The subscription to a pattern of topics."""
        tokens = (each if each in (ONE, REST) else token(each) for each in pattern.split("."))
        return f"{self.root(namespace)}{'.'.join(tokens)}"

    def root(self, namespace: str) -> str:
        """What the subjects of a namespace begin with, and those of no other."""
        return f"{self._prefix}.{token(namespace)}."


def topic(subject: str, root: str) -> str:
    """The topic that a subject of a namespace stands for."""
    rest = subject[len(root) :]
    return ".".join(map(unquote, rest.split("."))) if "%" in rest else rest


def token(text: str) -> str:
    """Any text as one token."""
    return quote(text, safe=_SAFE).replace(".", "%2E")
