"""Headers that the gateway sets on every answer: which names and values may be configured."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from prism.config.sections.section import empty, refuse
from prism.wire.grpc.metadata import RESERVED

MAX_HEADERS = 16
MAX_BYTES = 4096
"""In all names and values: many clients refuse a head of more than 8 KiB, and error details need room in it too."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
# What the gateway says itself, or what is about one answer and not about all.
_OWN = RESERVED | {
    "accept-post",
    "age",
    "allow",
    "cache-control",
    "content-encoding",
    "date",
    "etag",
    "expires",
    "retry-after",
    "trailer",
    "user-agent",
    "vary",
    "www-authenticate",
}
_OWN_PREFIXES = ("grpc-", "prism-", "connect-", "access-control-", "trailer-")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        close = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:100]
        allowed = "1 to 100 characters of a-z 0-9 . _ -, the first a letter or digit"
        raise refuse("not a name for a header", allowed=allowed, close=close)
    if name in _OWN or name.startswith(_OWN_PREFIXES):
        raise refuse("the gateway sets this header itself", allowed="a header of your own, such as x-served-by")
    if name.endswith("-bin"):
        raise refuse("headers that end in -bin hold bytes over gRPC", allowed="a name without -bin, for text")
    return name


def _value(value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise refuse("not a value for a header", allowed="printable ASCII, without spaces at its ends")
    return value


def _bounded(headers: dict[str, str]) -> dict[str, str]:
    size = sum(len(name) + len(value) for name, value in headers.items())
    if len(headers) > MAX_HEADERS or size > MAX_BYTES:
        allowed = f"at most {MAX_HEADERS} headers of {MAX_BYTES} bytes in all"
        raise refuse(f"{len(headers)} headers of {size} bytes", allowed=allowed)
    return headers


ResponseHeaders = Annotated[
    dict[Annotated[str, AfterValidator(_name)], Annotated[str, AfterValidator(_value), Field(max_length=1024)]],
    AfterValidator(_bounded),
    BeforeValidator(empty),
]
