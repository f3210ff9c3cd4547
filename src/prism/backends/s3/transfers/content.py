"""The content of a Put or PutPart on its way to S3: measured as it comes, and compared with what its sender says."""

from collections.abc import AsyncIterator
from typing import Any

from prism.errors import ContentMismatch
from prism.interfaces.objectstore import Checksum
from prism.sdk.objectstore.checksums import Digest, check_crc32c, check_finish, crc32c, known
from prism.sdk.objectstore.incoming import Incoming, check_declared

try:
    from google_crc32c import extend
except ImportError:
    extend = None

_BATCH = 128 << 10
"""Bytes that are taken from the stream at once."""


class Content:
    """What comes behind the head of a stream.

    Args:
        incoming: the stream.
        declared: its size by its head; None where that does not say.
        limit: most bytes of it.
    """

    def __init__(self, incoming: Incoming[Any], declared: int | None, limit: int) -> None:
        self._incoming = incoming
        self._declared = declared
        self._limit = limit
        self._digest = Digest()
        self._crc = 0
        if declared is not None:
            check_declared(declared, limit)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes as they come; at their end it raises where they are not what their sender says.

        Raises:
            InvalidArgument: the stream is out of order, or too large.
            ContentMismatch: it has another size or checksum.
            TransferIdle: nothing came for too long.
        """
        async for batch in self._incoming.batches(lambda: _BATCH, self._limit):
            for chunk in map(bytes, batch):  # CRC-32C takes no view
                self._digest.update(chunk)
                if extend is not None:
                    self._crc = extend(self._crc, chunk)
                if self._declared is not None and self._digest.size > self._declared:
                    raise self._unlike_head()
                yield chunk
        finish = self._incoming.finish
        if finish is None:
            raise ContentMismatch("the stream ended without `finish`; nothing was stored")
        check_finish(finish, self._digest)
        if self._declared is not None and self._digest.size != self._declared:
            raise self._unlike_head()
        if finish.checksum.HasField("crc32c"):
            check_crc32c(finish, self._crc if extend is not None else crc32c(()))

    @property
    def size(self) -> int:
        """What has come."""
        return self._digest.size

    def sha256(self) -> bytes:
        """Of what has come."""
        return self._digest.sha256()

    def checksum(self) -> Checksum:
        """All that is known of the whole."""
        return known(self._digest.sha256(), self._crc if extend is not None else None)

    def _unlike_head(self) -> ContentMismatch:
        return ContentMismatch(f"`head` says {self._declared} bytes, and {self._digest.size} came; nothing was stored")
