"""Conditional requests: their headers read, and the order in which they count.

Source: RFC 9110, sections 8.8.3 (ETag) and 13 (Conditional Requests).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from prism.errors import InvalidArgument
from prism.gateway.connect.incoming import header
from prism.interfaces import objectstore as messages
from prism.wire import HttpRequest

ANY = "*"
NEVER = "W/"
"""What stands for a weak ETag where only strong ones match: no object has it."""

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_SEPARATOR = re.compile(r"[ \t]*(,[ \t]*)+")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request demands of the object that is there.

    Attributes:
        match: etags of `If-Match`, `NEVER` for weak ones; empty where there is none.
        none_match: etags of `If-None-Match`, weak ones as strong ones.
        unmodified_since, modified_since: those that count, which they do not beside the above.
    """

    match: Sequence[str]
    none_match: Sequence[str]
    unmodified_since: datetime | None
    modified_since: datetime | None

    @classmethod
    def of(cls, request: HttpRequest) -> "Conditions":
        """Those of a request.

        Raises:
            InvalidArgument: an ETag is malformed.
        """
        match = tuple(NEVER if weak else tag for weak, tag in _tags(request, "if-match"))
        none_match = tuple(tag for _, tag in _tags(request, "if-none-match"))
        return cls(
            match,
            none_match,
            None if match else _date(request, "if-unmodified-since"),
            None if none_match or request.method not in ("GET", "HEAD") else _date(request, "if-modified-since"),
        )

    @property
    def dated(self) -> bool:
        """Whether one goes by a time, which no operation knows."""
        return self.unmodified_since is not None or self.modified_since is not None

    def holds(self, found: "messages.Object | None") -> bool:
        """Whether what is demanded of what is there is so; without `If-None-Match` and `If-Modified-Since`."""
        if self.match:
            return found is not None and (ANY in self.match or found.etag in self.match)
        since = self.unmodified_since
        return since is None or found is None or modified(found) <= since

    def unchanged(self, found: "messages.Object") -> bool:
        """Whether the caller has it already, by `If-None-Match` or `If-Modified-Since`."""
        if self.none_match:
            return ANY in self.none_match or found.etag in self.none_match
        return self.modified_since is not None and modified(found) <= self.modified_since


def modified(found: "messages.Object") -> datetime:
    """When it was stored, in whole seconds, as HTTP has it."""
    return datetime.fromtimestamp(found.modified_at.seconds, UTC)


def strong_tag(text: str) -> str | None:
    """The etag of an `If-Range` that can match; None for a weak one, or a date, which is not exact enough."""
    found = _TAG.fullmatch(text)
    return None if found is None or found[1] else found[2]


def _tags(request: HttpRequest, name: str) -> list[tuple[bool, str]]:
    text = ", ".join(str(each) for each in request.headers.get_all(name)).strip(" \t")
    if not text:
        return []
    if text == ANY:
        return [(False, ANY)]
    found, at = [], 0
    while at < len(text):
        tag = _TAG.match(text, at)
        if tag is None:
            raise InvalidArgument(f'{name} is {text[:100]!r}; send `*`, or ETags in quotes: "abc", "def"')
        found.append((bool(tag[1]), tag[2]))
        at = tag.end()
        if at < len(text):
            comma = _SEPARATOR.match(text, at)
            if comma is None:
                raise InvalidArgument(f"{name} is {text[:100]!r}; put commas between ETags")
            at = comma.end()
    return found


def _date(request: HttpRequest, name: str) -> datetime | None:
    """The time that it gives; None for what is not one, which is to be ignored."""
    text = header(request, name)
    if not text:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
