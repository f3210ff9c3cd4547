"""Conditions of writes: S3 decides them, and a write that was sent again knows the object of its own first try."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prism.backends.s3.client import S3Client
from prism.backends.s3.encryption import Encryption
from prism.backends.s3.errors import S3Error
from prism.backends.s3.properties import TOKEN, etag, quoted
from prism.errors import BackendUnavailable, ConditionNotMet, Outcome

_SWAPS: Final = 5
"""Tries to put in the place of any object, each in the place of the one that was there."""

Own = Callable[[Mapping[str, Any]], bool]
"""Whether an object, by what S3 says of it, came from an earlier try of a write."""

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be under the key for an object to be put there.

    Attributes:
        if_match: an etag, or `*` for any object; empty: no condition.
        if_none_match: `*` for no object; empty: no condition.
    """

    if_match: str = ""
    if_none_match: str = ""

    @property
    def created(self) -> bool | None:
        """Whether what it let through was new under its key, where that follows."""
        return True if self.if_none_match else False if self.if_match else None

    def parameters(self) -> dict[str, Any]:
        """The driver's."""
        if self.if_none_match:
            return {"IfNoneMatch": "*"}
        return {"IfMatch": quoted(self.if_match)} if self.if_match else {}


class Conditional:
    """Writes under a condition, in one bucket."""

    def __init__(self, client: S3Client, encryption: Encryption) -> None:
        self._client = client
        self._encryption = encryption

    async def check(self, key: str, condition: Condition) -> str:
        """The etag under the key, for a condition that holds; empty where there is no object.

        Raises:
            ConditionNotMet: it does not hold.
        """
        found = await self.find(key)
        tag = etag(found) if found else ""
        if condition.if_none_match and found:
            raise not_met("there is an object under this key")
        if condition.if_match and (not found or condition.if_match not in {"*", tag}):
            raise not_met("another object is under this key" if found else "there is no object under this key")
        return tag

    async def find(self, key: str, **given: Any) -> Mapping[str, Any] | None:
        """What S3 says of an object; None where there is none."""
        try:
            return await self._client.ask("head_object", Key=key, **self._encryption.key, **given)
        except S3Error as error:
            if error.missing:
                return None
            raise

    async def write(
        self, key: str, condition: Condition, own: Own, store: Callable[[Mapping[str, Any]], Awaitable[Answer]]
    ) -> Answer:
        """What S3 answers to a write.

        Args:
            key: in the bucket.
            condition: what must be there.
            own: knows an object of the same write.
            store: writes, with the driver's parameters of a condition.

        Raises:
            ConditionNotMet: the condition does not hold.
            S3Error: S3 refused it, or did not answer.
        """
        for _ in range(_SWAPS):
            exact = condition
            if condition.if_match == "*":
                exact = Condition(if_match=await self.check(key, condition))
            try:
                return await store(exact.parameters())
            except S3Error as error:
                failed = error
            if failed.doubtful and (failed.mismatch or failed.missing):
                return await self._of_first_try(key, own, failed)
            if condition.created is None or not (failed.mismatch or failed.code == "NoSuchKey"):
                raise failed
            if condition.if_match != "*":
                break
        raise not_met("another object is under this key, or none") from failed

    async def _of_first_try(self, key: str, own: Own, failed: S3Error) -> Answer:
        """What S3 says of the object, where it came from an earlier try of the same write."""
        found = await self.find(key)
        if found and own(found):
            return found
        raise BackendUnavailable(
            f"S3 broke off in a write, and it is not known whether it was applied: read the object ({failed})",
            outcome=Outcome.UNKNOWN,
        ) from failed


def marked(token: str) -> Own:
    """Knows an object by the token of its write."""
    return lambda found: found.get("Metadata", {}).get(TOKEN) == token


def not_met(why: str) -> ConditionNotMet:
    """The refusal of a write whose condition does not hold."""
    return ConditionNotMet(f"{why}: read it, and decide anew", outcome=Outcome.NOT_APPLIED)
