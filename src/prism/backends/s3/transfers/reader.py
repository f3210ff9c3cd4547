"""Reads objects: one answer of S3 is one object, also where its connection is lost and the rest is asked for again."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from prism.backends.s3.client import S3Client, chunks
from prism.backends.s3.encryption import Encryption
from prism.backends.s3.errors import S3Error
from prism.backends.s3.properties import etag, quoted, version


class Reader:
    """What reads objects of one bucket.

    Attributes:
        transfers: objects that are on their way now.
        resumed: answers that were cut and asked for from where they had ended.
    """

    def __init__(self, client: S3Client, encryption: Encryption, retries: int) -> None:
        self._client = client
        self._encryption = encryption
        self._retries = retries
        self.transfers = 0
        self.resumed = 0

    async def open(self, key: str, **given: Any) -> Mapping[str, Any]:
        """What S3 answers to a GET; its body is to be read by `read`."""
        return await self._client.ask("get_object", Key=key, ChecksumMode="ENABLED", **self._encryption.key, **given)

    async def read(self, key: str, answer: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The bytes of an answer, in pieces as they come.

        Raises:
            S3Error: they did not come, again and again; or another object has taken the place of this one.
        """
        offset, end = span(answer)
        again = {"IfMatch": quoted(etag(answer))}
        if version(answer):
            again["VersionId"] = version(answer)
        left = self._retries
        self.transfers += 1
        try:
            while True:
                began = offset
                try:
                    async for piece in chunks(answer):
                        offset += len(piece)
                        yield piece
                except S3Error:
                    if offset > began:
                        left = self._retries  # so many in a row
                    if left == 0 or offset == end:
                        raise
                    left -= 1
                    self.resumed += 1
                else:
                    return
                answer = await self.open(key, Range=f"bytes={offset}-{end - 1}", **again)
        finally:
            self.transfers -= 1


def span(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Where in the object an answer begins, and where it ends."""
    length = int(answer["ContentLength"])
    given = str(answer.get("ContentRange", ""))
    begin = int(given.removeprefix("bytes ").partition("-")[0]) if given else 0
    return begin, begin + length


def whole_size(answer: Mapping[str, Any]) -> int:
    """Of the object that an answer is of, or of a part of it."""
    total = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return int(total) if total.isdigit() else int(answer["ContentLength"])
