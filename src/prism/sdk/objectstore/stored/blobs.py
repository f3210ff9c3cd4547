"""What keeps the bytes of objects: blobs, written once, sealed, read and removed. Their names are the keeper's own."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from prism.sdk.objectstore.checksums import Digest


class Piece(NamedTuple):
    """A part of a content: a blob, or the bytes themselves, which are in the index then and the blob has no name."""

    blob: str
    size: int
    data: bytes | None = None


class BlobGone(Exception):
    """A blob is not there: its object was replaced or deleted meanwhile, or is damaged."""


class BlobWriter(Protocol):
    """A blob that is being written.

    Attributes:
        name: of the blob.
        digest: of what has been written.
    """

    name: str
    digest: Digest

    async def write(self, chunks: Sequence[bytes], *, last: bool) -> None:
        """Adds chunks; raises StoreFull where there is no room for them.

        Nothing follows the `last` ones: when this returns, the bytes of the blob are as durable as the backend
        declares, and its name is so when a commit of the index returns.
        """
        ...

    async def crc32c(self) -> int:
        """Of what has been written."""
        ...

    async def discard(self) -> None:
        """Removes it; may be called at any time, also more than once."""
        ...


class BlobReader(Protocol):
    """The blobs of one content, open: what is removed meanwhile is still read."""

    async def read(self, offset: int, size: int) -> Sequence[bytes]:
        """Bytes of the content, in chunks of at most `CHUNK`; raises DataLoss where they are not there."""
        ...

    def close(self) -> None:
        """Gives back what it has open."""
        ...


class Blobs(Protocol):
    """The keeper."""

    def check_room(self, size: int) -> None:
        """Passes a content of so many bytes; raises StoreFull where it has no room."""
        ...

    def create(self) -> BlobWriter:
        """A new blob."""
        ...

    async def open(self, pieces: Sequence[Piece]) -> BlobReader:
        """The blobs of a content; raises BlobGone where one is not there."""
        ...

    async def remove(self, names: Sequence[str]) -> Sequence[str]:
        """Removes blobs for good; those that are gone then: not one that is read just now. A missing one is gone."""
        ...


CHUNK = 256 << 10
"""Most bytes of a chunk that is read."""
