"""Reading objects: their bytes as they come, all at once, and what is said of them."""

from collections.abc import Sequence
from typing import Final

from prism.client.arguments import Seconds, in_seconds
from prism.client.objects.again import Again
from prism.client.objects.info import ObjectInfo
from prism.client.objects.reader import ObjectReader
from prism.client.objects.requests import ObjectRequests
from prism.client.objects.source import OnProgress
from prism.interfaces import objectstore as messages

OUTAGE: Final = 60.0
"""Seconds in which nothing comes before the error of a broken connection is raised."""


class ObjectReads(ObjectRequests):
    """What reads objects."""

    def get(
        self,
        key: str,
        *,
        version: str = "",
        offset: int = 0,
        length: int | None = None,
        suffix: int | None = None,
        if_match: str | Sequence[str] = (),
        if_none_match: str | Sequence[str] = (),
        on_progress: OnProgress | None = None,
        outage_timeout: Seconds = OUTAGE,
        timeout: Seconds | None = None,
    ) -> ObjectReader:
        """The bytes of an object as they come.

            async with objects.get("photos/1.jpg") as reader:
                async for chunk in reader: ...

        Args:
            key: its key.
            version: this one; without it the current one.
            offset, length: a part of it; without `length` to its end.
            suffix: so many bytes of its end, in place of `offset`.
            if_match, if_none_match: etags, or `*`.
            on_progress: called with how many further bytes have passed.
            outage_timeout: how long nothing may come before the error of a broken connection is raised.
            timeout: for all of it; without it there is no limit.

        Raises:
            RangeNotSatisfiable: it has no byte of that part; when the reader is entered.
        """
        asked = messages.GetRequest(
            key=key, version=version, if_match=_tags(if_match), if_none_match=_tags(if_none_match)
        )
        if suffix is not None:
            if offset or length is not None:
                raise ValueError("suffix excludes offset and length; give one of them")
            asked.suffix = suffix
        elif offset or length is not None:
            if length is not None and length < 1:
                raise ValueError(f"length is {length}; give 1 or more")
            asked.range.offset, asked.range.length = offset, length or 0
        again = Again(self.policy, in_seconds(outage_timeout))
        return ObjectReader(self._transport, self._headers, asked, again, on_progress, self._deadline(timeout))

    async def read(self, key: str, *, version: str = "", timeout: Seconds | None = None) -> bytes | None:
        """All bytes of an object at once; None where there is none."""
        async with self.get(key, version=version, timeout=timeout) as reader:
            found = await reader.read()
        return None if reader.info is None else found

    async def head(self, key: str, *, version: str = "", timeout: Seconds | None = None) -> ObjectInfo | None:
        """What is said of an object; None where there is none."""
        asked = messages.HeadRequest(key=key, version=version)
        answer = await self._ask("head", asked, messages.HeadResponse, timeout)
        return ObjectInfo.of(answer.object) if answer.HasField("object") else None


def _tags(given: str | Sequence[str]) -> Sequence[str]:
    return ([given] if given else []) if isinstance(given, str) else given
