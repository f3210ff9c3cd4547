"""Checksums of content: SHA-256 always, CRC-32C where its sender gives one."""

import hashlib
from collections.abc import Iterable

from prism.errors import ContentMismatch, FailedPrecondition, InvalidArgument, Violation
from prism.interfaces.objectstore import Checksum, Finish
from prism.reason import Reason

SHA256_SIZE = 32


class Digest:
    """What has come so far of a content: its size and SHA-256."""

    __slots__ = ("_sha256", "size")

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        """One more piece; of more than 2 KiB it leaves the interpreter to others meanwhile."""
        self.size += len(chunk)
        self._sha256.update(chunk)

    def sha256(self) -> bytes:
        """Of all that has come."""
        return self._sha256.digest()


def etag_of(sha256: bytes) -> str:
    """The etag of a content that came as one."""
    return sha256.hex()


def etag_of_parts(digests: Iterable[bytes]) -> str:
    """The etag of a content that came in parts: the same only for the same parts."""
    parts = list(digests)
    return f"{hashlib.sha256(b''.join(parts)).hexdigest()}-{len(parts)}"


def check_finish(finish: Finish, digest: Digest) -> None:
    """Passes a content whose size and SHA-256 are those that its sender says; its CRC-32C is looked at elsewhere.

    Raises:
        InvalidArgument: the checksum is none.
        ContentMismatch: something else came.
    """
    sha256 = finish.checksum.sha256
    if sha256 and len(sha256) != SHA256_SIZE:
        violation = Violation("finish.checksum.sha256", f"{len(sha256)} bytes", f"it has {SHA256_SIZE}")
        raise InvalidArgument(str(violation), violations=[violation])
    if finish.size != digest.size:
        raise ContentMismatch(f"{digest.size} bytes came, and `finish` says {finish.size}; nothing was stored")
    if sha256 and sha256 != digest.sha256():
        raise ContentMismatch(
            f"the SHA-256 of what came is {digest.sha256().hex()}, and `finish` says {sha256.hex()}; nothing was stored"
        )


def check_crc32c(finish: Finish, crc32c: int) -> None:
    """Passes a content with the CRC-32C that its sender says.

    Raises:
        ContentMismatch: it has another one.
    """
    if finish.checksum.crc32c != crc32c:
        raise ContentMismatch(
            f"the CRC-32C of what came is {crc32c:08x}, and `finish` says {finish.checksum.crc32c:08x}; "
            "nothing was stored"
        )


def crc32c(chunks: Iterable[bytes]) -> int:
    """Of a content in pieces.

    Raises:
        FailedPrecondition: the library for it is not installed.
    """
    try:
        from google_crc32c import extend
    except ImportError as error:
        raise FailedPrecondition(
            "CRC-32C needs a library that is not installed: pip install 'prism-gateway[objects]'; or give a SHA-256",
            reason=Reason.DRIVER_MISSING,
        ) from error
    found = 0
    for chunk in chunks:
        found = extend(found, chunk)
    return int(found)


def known(sha256: bytes | None, crc: int | None) -> Checksum:
    """The message, of what is known."""
    return Checksum(sha256=sha256 or b"", crc32c=crc)
