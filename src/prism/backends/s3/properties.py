"""What is said of an object, as headers of S3 and back.

Metadata of S3 are ASCII. A value that is not, or that HTTP would change, goes as an encoded word of RFC 2047, as S3
itself gives such values.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from prism.interfaces.objectstore import Checksum, Object, Properties

TOKEN: Final = "prism-put"  # noqa: S105  # a name
"""Metadata of our own: which try of a write an object came from."""

UNTYPED: Final = "binary/octet-stream"
"""The content type that S3 gives to what has none."""

MAX_METADATA: Final = 2048

_HEADERS: Final = {
    "content_type": "ContentType",
    "content_encoding": "ContentEncoding",
    "content_disposition": "ContentDisposition",
    "cache_control": "CacheControl",
}
_PLAIN: Final = re.compile(r"(?:(?!=\?)[!-~](?:[ -~]*[!-~])?)?")
_WORD: Final = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/=]*)\?=", re.IGNORECASE)


def to_s3(properties: Properties, token: str = "") -> dict[str, Any]:
    """The driver's parameters for what stores an object, and the token of the write."""
    given = {header: getattr(properties, name) for name, header in _HEADERS.items() if getattr(properties, name)}
    metadata = {name: _encoded(value) for name, value in properties.metadata.items()}
    return {"ContentType": UNTYPED, **given, "Metadata": _marked(metadata, token)}


def copied(answer: Mapping[str, Any], token: str) -> dict[str, Any]:
    """The same parameters, from what S3 says of an object."""
    kept = {header: answer[header] for header in _HEADERS.values() if answer.get(header)}
    metadata = {name: value for name, value in answer.get("Metadata", {}).items() if name != TOKEN}
    return {**kept, "Metadata": _marked(metadata, token)}


def described(key: str, answer: Mapping[str, Any], size: int | None = None) -> Object:
    """An object, from what S3 says of it in answer to HEAD or GET."""
    described = Object(
        key=key,
        size=int(answer["ContentLength"]) if size is None else size,
        etag=etag(answer),
        version=version(answer),
        modified_at=timestamp(answer.get("LastModified")),
        properties=Properties(
            **{name: str(answer.get(header, "")) for name, header in _HEADERS.items()},
            metadata={name: _decoded(value) for name, value in answer.get("Metadata", {}).items() if name != TOKEN},
        ),
    )
    if described.properties.content_type == UNTYPED:
        described.properties.content_type = ""
    # versitygw keeps what the driver says of the way to it, and not of the content.
    codings = described.properties.content_encoding.split(",")
    described.properties.content_encoding = ",".join(each for each in codings if each.strip() != "aws-chunked")
    if known := _checksum(answer):
        described.checksum.CopyFrom(known)
    return described


def etag(answer: Mapping[str, Any]) -> str:
    """Without its quotes."""
    return str(answer.get("ETag", "")).removeprefix("W/").strip('"')


def quoted(tag: str) -> str:
    """As a condition has it."""
    return tag if tag == "*" else f'"{tag}"'


def version(answer: Mapping[str, Any]) -> str:
    """Empty in a bucket without versions."""
    given = str(answer.get("VersionId", ""))
    return "" if given == "null" else given


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment as messages have it."""
    if moment is None:
        return None
    given = Timestamp()
    given.FromDatetime(moment)
    return given


def _checksum(answer: Mapping[str, Any]) -> Checksum | None:
    """Of the whole content; one that is made of those of parts is none."""
    sha256, crc32c = str(answer.get("ChecksumSHA256", "")), str(answer.get("ChecksumCRC32C", ""))
    known = Checksum()
    if sha256 and "-" not in sha256:
        known.sha256 = base64.b64decode(sha256)
    if crc32c and "-" not in crc32c:
        known.crc32c = int.from_bytes(base64.b64decode(crc32c), "big")
    return known if known.sha256 or known.HasField("crc32c") else None


def _encoded(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _decoded(value: str) -> str:
    word = _WORD.fullmatch(value)
    if word is None:
        return value
    try:
        return base64.b64decode(word[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value  # of others, and none of ours


def _marked(metadata: Mapping[str, str], token: str) -> dict[str, str]:
    """With the token; without it where there is no room: then a repeated write does not know its own."""
    size = sum(len(name) + len(value) for name, value in metadata.items())
    room = size + len(TOKEN) + len(token) <= MAX_METADATA
    return {**metadata, TOKEN: token} if token and room else dict(metadata)
