"""What ObjectStore says of objects, uploads and parts, as an application sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from prism.interfaces import objectstore as messages


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object without its bytes; in a listing by a delimiter also what keys have in common, see `is_prefix`.

    Attributes:
        key: its key, or the prefix.
        size: in bytes.
        etag: names the content; it may come again with the same bytes.
        version: of this object alone; empty where the store has none.
        modified_at: when it was stored, by the store's clock.
        content_type, content_encoding, content_disposition, cache_control: as they were put.
        metadata: the writer's own notes.
        sha256: of the content; empty where it is not known.
        expires_at: None for never.
        is_prefix: it stands for all keys that begin so.
    """

    key: str
    size: int = 0
    etag: str = ""
    version: str = ""
    modified_at: datetime | None = None
    content_type: str = ""
    content_encoding: str = ""
    content_disposition: str = ""
    cache_control: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    sha256: bytes = b""
    expires_at: datetime | None = None
    is_prefix: bool = False

    @classmethod
    def of(cls, message: messages.Object) -> "ObjectInfo":
        """From the wire."""
        said = message.properties
        return cls(
            message.key,
            message.size,
            message.etag,
            message.version,
            moment(message.modified_at) if message.HasField("modified_at") else None,
            said.content_type,
            said.content_encoding,
            said.content_disposition,
            said.cache_control,
            dict(said.metadata),
            message.checksum.sha256,
            moment(message.expires_at) if message.HasField("expires_at") else None,
        )

    @classmethod
    def of_entry(cls, entry: messages.Entry) -> "ObjectInfo":
        """From a listing."""
        return cls.of(entry.object) if entry.HasField("object") else cls(entry.prefix, is_prefix=True)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What was stored.

    Attributes:
        etag: names the content.
        version: of this object alone; empty where the store has none.
        size: in bytes.
        created: whether there was none before; None where the store does not say.
    """

    etag: str
    version: str
    size: int
    created: bool | None

    @classmethod
    def of(cls, message: messages.PutResponse | messages.CompleteUploadResponse) -> "StoredObject":
        """From the wire."""
        created = message.created if message.HasField("created") else None
        return cls(message.etag, message.version, message.size, created)


@dataclass(frozen=True, slots=True)
class UploadInfo:
    """An upload by parts.

    Attributes:
        key: of the object that it is to become.
        upload: names it.
        expires_at: when it is removed with its parts, unless it was completed.
        min_part_size, max_part_size: bytes of each part but the last one; 0 where that is not said.
        max_parts: how many there may be; 0 where that is not said.
    """

    key: str
    upload: str
    expires_at: datetime | None = None
    min_part_size: int = 0
    max_part_size: int = 0
    max_parts: int = 0


@dataclass(frozen=True, slots=True)
class PartInfo:
    """A part that has come.

    Attributes:
        number: its place, from 1.
        etag: of this part.
        size: in bytes.
        sha256: of its bytes; empty where it is not known.
    """

    number: int
    etag: str
    size: int
    sha256: bytes = b""

    @classmethod
    def of(cls, message: messages.Part) -> "PartInfo":
        """From the wire."""
        return cls(message.number, message.etag, message.size, message.checksum.sha256)


@dataclass(frozen=True, slots=True)
class PresignedUrl:
    """An address that is good for one object.

    Attributes:
        url: where; without scheme and host where the gateway does not know how its callers reach it.
        expires_at: until when.
        headers: what must be sent with it.
    """

    url: str
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


def moment(timestamp: Timestamp) -> datetime:
    """As a datetime, to the microsecond."""
    return timestamp.ToDatetime(UTC)
