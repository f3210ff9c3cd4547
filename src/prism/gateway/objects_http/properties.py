"""What is said of an object, as headers: of the request that puts it, and of the answers that give it.

Metadata travel as `prism-meta-NAME`, percent-encoded where they are more than printable ASCII. A caller who puts
objects must not be able to say anything else to one who gets them: what HTTP does not allow in a header is left out.
"""

import base64
import binascii
import math
import re
from collections.abc import Iterator
from email.utils import format_datetime
from urllib.parse import quote, unquote_to_bytes

from google.protobuf.duration_pb2 import Duration

from prism.errors import InvalidArgument
from prism.gateway.connect.incoming import header
from prism.gateway.objects_http.conditions import modified
from prism.interfaces import objectstore as messages
from prism.wire import HttpRequest

META = "prism-meta-"
TTL = "prism-ttl"
DIGEST = "repr-digest"
_HEADERS = ("content-type", "content-encoding", "content-disposition", "cache-control")
_NAME = re.compile(r"[a-z0-9-]{1,64}")
_PRINTABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_TAG = re.compile(r"[\x21\x23-\x7e]+")
_DIGEST = re.compile(r"(?:^|,)[ \t]*(sha-256|crc32c)=:([A-Za-z0-9+/=]*):[ \t]*(?=,|;|$)", re.IGNORECASE)
_KEPT = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%") + " "
_SIZES = {"sha-256": 32, "crc32c": 4}


def properties_of(request: HttpRequest) -> messages.Properties:
    """What a request says of the object that it puts.

    Raises:
        InvalidArgument: a header is malformed.
    """
    said = {name.replace("-", "_"): header(request, name) for name in _HEADERS}
    metadata = {}
    for name, value in request.headers:
        if name.startswith(META):
            if not isinstance(value, str):
                raise InvalidArgument(f"the header {name} would be taken for base64; give metadata other names")
            metadata[name[len(META) :]] = _meaning(name, value)
    return messages.Properties(**said, metadata=metadata)


def ttl_of(request: HttpRequest) -> Duration | None:
    """How long the object is to live; None for ever.

    Raises:
        InvalidArgument: it is not a number of seconds.
    """
    text = header(request, TTL)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 1e10:
        raise InvalidArgument(f"{TTL} is {text[:40]!r}; give seconds above zero")
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1e6))
    return duration


def checksum_of(request: HttpRequest) -> messages.Checksum | None:
    """What `Repr-Digest` (RFC 9530) says that the content is to have; None where it says nothing.

    Raises:
        InvalidArgument: a digest of a kind that is checked is malformed.
    """
    text = ", ".join(str(each) for each in request.headers.get_all(DIGEST))
    checksum = messages.Checksum()
    for kind, encoded in _DIGEST.findall(text):
        try:
            digest = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) != _SIZES[kind.lower()]:
            raise InvalidArgument(f"{DIGEST} has a {kind} that is not one in base64; write it as {kind}=:BASE64:")
        if kind.lower() == "sha-256":
            checksum.sha256 = digest
        else:
            checksum.crc32c = int.from_bytes(digest, "big")
    return checksum if checksum.ByteSize() else None


def headers_of(found: messages.Object) -> Iterator[tuple[str, str]]:
    """What an answer says of an object, but for what browsers make of it."""
    if _TAG.fullmatch(found.etag):
        yield "etag", f'"{found.etag}"'
    yield "last-modified", format_datetime(modified(found), usegmt=True)
    yield "accept-ranges", "bytes"
    if _PRINTABLE.fullmatch(found.version):
        yield "prism-version", found.version
    if digests := list(_digests(found.checksum)):
        yield DIGEST, ", ".join(digests)
    said = found.properties
    for name, value in (("content-encoding", said.content_encoding), ("cache-control", said.cache_control)):
        if _PRINTABLE.fullmatch(value):
            yield name, value
    for name, value in sorted(said.metadata.items()):
        if _NAME.fullmatch(name):
            yield META + name, _written(value)


def printable(text: str) -> bool:
    """Whether a header can have it."""
    return _PRINTABLE.fullmatch(text) is not None


def _digests(checksum: messages.Checksum) -> Iterator[str]:
    if checksum.sha256:
        yield f"sha-256=:{base64.b64encode(checksum.sha256).decode()}:"
    if checksum.HasField("crc32c"):
        yield f"crc32c=:{base64.b64encode(checksum.crc32c.to_bytes(4, 'big')).decode()}:"


def _written(value: str) -> str:
    text = quote(value, safe=_KEPT)
    inner = text.strip(" ")
    if inner == text:
        return text
    begin = len(text) - len(text.lstrip(" "))
    return "%20" * begin + inner + "%20" * (len(text) - len(inner) - begin if inner else 0)


def _meaning(name: str, value: str) -> str:
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"the header {name} is not UTF-8; percent-encode what is not ASCII") from error
