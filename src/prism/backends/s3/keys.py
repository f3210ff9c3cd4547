"""Keys in the bucket: a namespace's own prefix, and behind it the key as it is."""

from typing import Final

from prism.backends.s3.config import NAMESPACE
from prism.errors import InvalidArgument, Outcome, Violation

MAX_KEY: Final = 1024
"""Bytes of a key in S3, with the prefix."""


class Keys:
    """Where the objects of namespaces are in a bucket."""

    def __init__(self, prefix: str) -> None:
        self._before, shared, self._after = prefix.partition(NAMESPACE)
        self.one_namespace = not shared
        """The prefix does not name the namespace: it serves one alone."""

    @property
    def common(self) -> str:
        """What the keys of all namespaces begin with."""
        return self._before

    def prefix(self, namespace: str) -> str:
        """What the keys of a namespace begin with."""
        return self._before if self.one_namespace else f"{self._before}{namespace}{self._after}"

    def of(self, namespace: str, key: str, field: str = "key") -> str:
        """A key in the bucket.

        Raises:
            InvalidArgument: it is too long for S3 behind the prefix.
        """
        prefix = self.prefix(namespace)
        size = len(key.encode())
        most = MAX_KEY - len(prefix.encode())
        if size > most:
            violation = Violation(field, f"{size} bytes", f"at most {most} fit behind the prefix of this namespace")
            raise InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
        return prefix + key

    def within(self, namespace: str, key: str) -> str:
        """A key of the bucket as the namespace has it."""
        return key[len(self.prefix(namespace)) :]
